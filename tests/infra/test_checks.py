"""cdk-nag and cfn-lint have nothing to say about any stage."""

from __future__ import annotations

import json

import pytest
from aws_cdk import App, Stack
from aws_cdk import aws_s3 as s3
from cfnlint.api import lint

from infra.nag import check
from tests.infra.conftest import Stage

MIN_REASON_CHARS = 25
OF_THE_CDK = "CloudFormation-Validate::"


def test_synthesis_fails_when_a_finding_is_not_acknowledged() -> None:
    app = App()
    s3.Bucket(Stack(app, "Careless"), "Bucket")
    check(app)

    with pytest.raises(RuntimeError, match="AwsSolutions-S1"):
        app.synth()


def test_every_acknowledgement_has_a_reason_on_one_resource_when_synthesized(
    stage: Stage,
) -> None:
    acknowledged = 0
    for template in (stage.data, stage.pipeline):
        metadata = template.path.with_name(template.path.name.replace("template", "metadata"))
        for path, entries in json.loads(metadata.read_text()).items():
            found = [e["data"] for e in entries if e["type"] == "aws:cdk:acknowledged-rules"]
            # the CDK acknowledges findings of its own, on the stack
            for rule in [r for r in found if not all(n.startswith(OF_THE_CDK) for n in r)]:
                acknowledged += 1
                assert path.count("/") >= 3, f"{path} is no single resource"
                assert all(len(reason) >= MIN_REASON_CHARS for reason in rule.values())
    assert acknowledged


def test_cfn_lint_is_silent_when_it_reads_the_templates(stage: Stage) -> None:
    found = [
        f"{match.rule.id} {match.message}"
        for template in (stage.data, stage.pipeline)
        for match in lint(template.path.read_text(), None, ["us-east-1"])
    ]

    assert found == []
