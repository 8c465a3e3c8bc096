"""`app.py` as the CDK CLI runs it: what a laptop decides arrives at the functions."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.infra.conftest import ROOT, Template

ENDPOINTS = {"kling": "http://127.0.0.1:9000", "google.storage": "http://127.0.0.1:9001"}


@pytest.fixture(scope="module")
def pipeline(tmp_path_factory: pytest.TempPathFactory) -> Template:
    """Synthesize the stage `local` in a process of its own, with settings as context."""
    out = tmp_path_factory.mktemp("assembly")
    context = json.loads((ROOT / "cdk.json").read_text())["context"] | {
        "stage": "local",
        "provider_endpoints": json.dumps(ENDPOINTS),
        "outbound_allow": '["127.0.0.1:9000"]',
        "public_url": "",
    }
    subprocess.run(
        [sys.executable, "app.py"],
        cwd=ROOT,
        env=os.environ | {"CDK_OUTDIR": str(out), "CDK_CONTEXT_JSON": json.dumps(context)},
        capture_output=True,
        check=True,
    )
    path = Path(out, "Dailies-local-Pipeline.template.json")
    return Template(json.loads(path.read_text()), path)


def test_vendors_are_simulators_when_the_laptop_says_so(pipeline: Template) -> None:
    for module in ("submit", "resolve", "poll", "store", "provider_callback"):
        variables = pipeline.functions()[module]["Environment"]["Variables"]
        assert json.loads(variables["PROVIDER_ENDPOINTS"]) == ENDPOINTS


def test_outbound_addresses_are_allowed_when_the_laptop_names_them(pipeline: Template) -> None:
    for module in ("store", "deliver_webhook"):
        variables = pipeline.functions()[module]["Environment"]["Variables"]
        assert json.loads(variables["OUTBOUND_ALLOW"]) == ["127.0.0.1:9000"]


def test_nobody_can_call_back_when_the_public_url_is_empty(pipeline: Template) -> None:
    assert pipeline.functions()["submit"]["Environment"]["Variables"]["PUBLIC_URL"] == ""


def test_code_is_one_zip_without_layers_when_deployed_to_a_laptop(pipeline: Template) -> None:
    code = {json.dumps(f["Code"], sort_keys=True) for f in pipeline.functions().values()}

    assert len(code) == 1
    assert not pipeline.of_type("AWS::Lambda::LayerVersion")
