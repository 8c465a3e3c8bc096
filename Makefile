# Everything a person runs. `make` alone lists the targets.
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory

VENV := .venv
PYTHON := $(VENV)/bin/python
CDK := node_modules/.bin/cdk
STAGE ?= local
export JSII_SILENCE_WARNING_END_OF_LIFE_NODE_VERSION := 20
unexport PYTHONDONTWRITEBYTECODE

.PHONY: help install demo test serve check install-torch test-torch bench bench-enhance bench-reliability train-model sbom api-key redrive deploy destroy revoke openapi providers lock clean

help: ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-17s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

install: $(VENV)/.installed node_modules/.installed ## Install what everything else needs, pinned and hashed

$(VENV)/.installed: requirements/dev.lock requirements/uv.lock
	@python3 -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Dailies needs Python 3.11 or newer as python3."; exit 1; }
	@echo "Installing the Python packages (about half a minute, once) ..."
	@python3 -m venv $(VENV)
	@$(VENV)/bin/pip install --quiet --require-hashes --requirement requirements/uv.lock
	@$(VENV)/bin/uv pip sync --quiet --python $(PYTHON) --require-hashes --compile-bytecode requirements/dev.lock
	@touch $@

node_modules/.installed: package-lock.json
	@node -e 'process.exit(parseInt(process.versions.node) < 20 ? 1 : 0)' || { echo "Dailies needs Node 20 or newer."; exit 1; }
	@echo "Installing the CDK CLI ..."
	@npm ci --silent
	@touch $@

demo: install ## Deploy everything to a local AWS, run three jobs, show the videos
	@$(PYTHON) -m local.demo

serve: install ## Keep the local AWS up until Ctrl-C; with a real vendor: LIVE=kling MAX_COST=5
	@$(PYTHON) -m local.serve

test: install ## Run every offline suite
	@$(PYTHON) -m tests

install-torch: .venv-torch/.installed ## Install torch beside the rest, for training and CUDA, in .venv-torch

.venv-torch/.installed: requirements/train.lock requirements/uv.lock
	@echo "Installing torch: its CPU or CUDA build, as this machine's package index has it ..."
	@python3 -m venv .venv-torch
	@.venv-torch/bin/pip install --quiet --require-hashes --requirement requirements/uv.lock
	@.venv-torch/bin/pip install --quiet torch==2.13.0
	@.venv-torch/bin/uv pip install --quiet --python .venv-torch/bin/python --require-hashes --requirement requirements/train.lock
	@touch $@

test-torch: install-torch ## Test what needs torch: engines agree, training works, tiles are exact
	@.venv-torch/bin/python -m pytest -q tests/torch

check: install ## Format, lint, types, import rules, ASL, cdk-nag, cfn-lint
	@$(VENV)/bin/ruff format --check --quiet .
	@$(VENV)/bin/ruff check --quiet .
	@PYTHONPATH=functions:gpu_container $(VENV)/bin/lint-imports --no-cache
	@$(VENV)/bin/pyright
	@for f in state_machines/*.asl.json; do node_modules/.bin/asl-validator --json-path $$f --silent || exit 1; done
	@$(PYTHON) -m pytest -q tests/infra tests/workflow/test_definitions.py

bench: install ## Measure: cold starts, storing, waiting, a job's cost, creates
	@$(PYTHON) -m bench

bench-enhance: install ## Measure the enhancement against its peers, in the same run
	@$(PYTHON) -m bench.enhance

bench-reliability: install ## Run jobs while everything fails: [JOBS=1000] [FAULTS=20] [SEED=1]
	@$(PYTHON) -m bench.reliability --jobs $(or $(JOBS),1000) --faults $(or $(FAULTS),20) --seed $(or $(SEED),1)

train-model: install ## Train a net on SageMaker: make train-model STAGE=dev [MODEL=luma-x2-clean] [DRY_RUN=1]
	@$(PYTHON) -m tools.train_model --stage $(STAGE) $(if $(MODEL),--model $(MODEL)) $(if $(DRY_RUN),--dry-run)

sbom: install ## Write a bill of materials (CycloneDX) of all that is deployed into out/
	@mkdir -p out
	@for lock in requirements/base requirements/media gpu_container/cpu gpu_container/gpu; do \
	  $(VENV)/bin/uv tool run --quiet --from cyclonedx-bom==7.5.0 cyclonedx-py requirements $$lock.lock --output-file out/sbom-$$(basename $$lock).json; done

api-key: install ## Make an API key: make api-key STAGE=dev TENANT=acme
	@$(PYTHON) -m tools.api_key --stage $(STAGE) --tenant $(TENANT)

revoke: install ## End an API key or a link from an email: make revoke STAGE=dev
	@$(PYTHON) -m tools.revoke --stage $(STAGE)

redrive: install ## Show dead letters, move them back: make redrive STAGE=dev [QUEUE=webhook] [YES=1]
	@$(PYTHON) -m tools.redrive --stage $(STAGE) $(if $(QUEUE),--queue $(QUEUE)) $(if $(YES),--yes)

deploy: install ## Deploy a stage: make deploy STAGE=dev [YES=1] [DRY_RUN=1]
	@$(PYTHON) -m tools.deploy --stage $(STAGE) $(if $(YES),--yes) $(if $(DRY_RUN),--dry-run)

destroy: install ## Delete a stage: make destroy STAGE=dev
	@$(PYTHON) -m tools.destroy --stage $(STAGE)

openapi: install ## Write docs/openapi.json anew from the code
	@$(PYTHON) -m tools.openapi

providers: install ## Write docs/providers.md anew from the catalogue
	@$(PYTHON) -m tools.providers

lock: install ## Pin the requirements anew after editing requirements/*.in
	@for f in uv base media enhance dev train; do \
	  $(VENV)/bin/uv pip compile --quiet --universal --generate-hashes --python-version 3.11 --no-header requirements/$$f.in -o requirements/$$f.lock; done
	@for pair in enhance:cpu gpu:gpu train_image:train; do \
	  $(VENV)/bin/uv pip compile --quiet --python-platform x86_64-manylinux_2_28 --generate-hashes --python-version 3.13 --no-header requirements/$${pair%:*}.in -o gpu_container/$${pair#*:}.lock; done
	@cp requirements/uv.lock gpu_container/uv.lock

clean: ## Remove what was built and downloaded
	@rm -rf $(VENV) .venv-torch node_modules cdk.out .build .local out
