"""A deployment from the first question to the smoke test, with everything outside faked."""

from __future__ import annotations

import datetime as dt
import json
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest

from infra.stage import StageConfig, stage_config
from tests.unit.tools.cloud import Account, Answers, refused, resource, stacks
from tools.deploy.assembly import read_assembly, synthesize
from tools.deploy.deployment import Deployment, Options, World
from tools.deploy.errors import DeployError
from tools.deploy.machine import check_machine
from tools.deploy.smoke import SmokeTest

ROOT = Path(__file__).resolve().parents[3]
QUEUE = {"Resources": {"Q": {"Type": "AWS::SQS::Queue"}}}
VIDEO = b"\x00\x00\x00\x20ftypisom"


class Meta:
    region_name = "eu-central-1"


class Sts(Answers):
    meta = Meta()


@dataclass
class FakePrograms:
    """Node, the CDK CLI and what they leave behind."""

    synthesis: int = 0
    deployment: int = 0
    node: str = "v22.1.0"
    cdk: str = ""
    docker: str = "28.1.1"
    ran: list[list[str]] = field(default_factory=list[list[str]])

    def ask(self, command: list[str]) -> str:
        if command[0] == "node":
            return self.node
        if command[0] == "docker":
            return self.docker
        package = json.loads((ROOT / "package.json").read_text())
        return self.cdk or f"{package['devDependencies']['aws-cdk']} (build 1)"

    def run(self, command: list[str]) -> int:
        self.ran.append(command)
        if command[1] != "synth":
            return self.deployment
        folder = Path(command[command.index("--output") + 1])
        write_assembly(folder)
        return self.synthesis

    @property
    def did(self) -> list[str]:
        return [command[1] for command in self.ran]


def write_assembly(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for stage in ("dev", "prod", "local"):
        for name in ("Data", "Pipeline"):
            path = folder / f"Dailies-{stage}-{name}.template.json"
            path.write_text(json.dumps(QUEUE))
    artifact = {"properties": {"requiresBootstrapStackVersion": 6}}
    (folder / "manifest.json").write_text(json.dumps({"artifacts": {"a": artifact, "b": {}}}))


def account(number: str = "111122223333", **changed: Any) -> Account:
    data = {"Outputs": [{"OutputKey": "TableName", "OutputValue": "t"}]}
    pipeline = {"Outputs": [{"OutputKey": "ApiUrl", "OutputValue": "https://api.example"}]}
    there = {"Template": QUEUE, "Resources": []}
    limit = {"ConcurrentExecutions": 1000, "UnreservedConcurrentExecutions": 1000}
    services: dict[str, Any] = {
        "sts": Sts(get_caller_identity={"Account": number, "Arn": "arn:somebody"}),
        "ssm": Answers(get_parameter={"Parameter": {"Value": "21"}}),
        "cloudformation": stacks(data=data | there, pipeline=pipeline | there),
        "lambda": Answers(get_account_settings={"AccountLimit": limit}),
        "service-quotas": Answers(
            list_service_quotas={"Quotas": []}, get_service_quota={"Quota": {"Value": 64.0}}
        ),
        "sesv2": Answers(get_account={}, get_email_identity=refused("NotFoundException")),
        "secretsmanager": Answers(get_secret_value={"SecretString": '{"webhook_key": "w"}'}),
        "dynamodb": Answers(put_item={}, get_item={}, transact_write_items={}, query={"Items": []}),
        "s3": Answers(create_bucket={}),
    }
    return Account(**services | {name.replace("_", "-"): one for name, one in changed.items()})


class Api:
    """The deployed API: a job that succeeds when it is asked for the second time."""

    def __init__(self, ends: str = "succeeded") -> None:
        self.ends = ends
        self.asked: list[str] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.asked.append(f"{request.method} {request.url.path}")
        if request.url.path == "/v1/models":
            return httpx.Response(200, json={"items": [{"model": "kling/kling-3.0"}]})
        if request.method == "POST" and request.url.path == "/v1/jobs":
            return httpx.Response(202, json={"job_id": "job_1", "state": "queued"})
        if request.url.path == "/v1/jobs/job_1":
            body = {"job_id": "job_1", "state": self.ends, "error": {"code": "vendor_failed"}}
            return httpx.Response(200, json=body | {"outputs": [{"asset_id": "ast_1"}]})
        return httpx.Response(500, text="broken")


class Scene:
    """One deployment and what came of it."""

    def __init__(
        self, stage: StageConfig, options: Options, *, api: Any = None, **changed: Any
    ) -> None:
        self.said: list[str] = []
        self.programs = changed.pop("programs", None) or FakePrograms()
        confirmed = changed.pop("confirmed", True)
        transport = httpx.MockTransport(api or Api())
        world = World(
            clients=changed.pop("clients", None) or account(**changed),
            programs=self.programs,
            say=self.said.append,
            confirm=lambda question: confirmed,
            http=lambda url, key: httpx.Client(base_url=url, transport=transport),
            root=Path(tempfile.mkdtemp()),
        )
        self.deployment = Deployment(stage, options, world)

    @property
    def text(self) -> str:
        return "\n".join(self.said)


def prod(**changed: Any) -> Scene:
    """Return a deployment of a stage without smoke job, whose stacks are there."""
    return Scene(stage_config("prod"), changed.pop("options", Options()), **changed)


def test_everything_happens_in_order_when_all_is_well() -> None:
    scene = prod()

    assert scene.deployment.run()

    assert scene.programs.did == ["synth", "deploy"]
    order = ["Stage prod, account 111122223333", "ok   Node", "bootstrap stack", "as it is",
             "Cost when idle", "The API answers", "Next:", "make api-key STAGE=prod"]  # fmt: skip
    places = [scene.text.index(text) for text in order]
    assert places == sorted(places)


def test_nothing_is_deployed_when_it_is_a_dry_run() -> None:
    scene = prod(options=Options(dry_run=True))

    assert not scene.deployment.run()

    assert scene.programs.did == ["synth"]
    assert "Cost when idle" in scene.text


def test_nothing_is_deployed_when_the_question_is_answered_with_no() -> None:
    changed = {"Resources": {"Old": {"Type": "AWS::SQS::Queue"}}}
    there = {"Template": changed, "Resources": []}
    scene = prod(confirmed=False, cloudformation=stacks(data=there, pipeline=there))

    assert not scene.deployment.run()

    assert scene.programs.did == ["synth"]


def test_nothing_is_deployed_when_a_check_fails() -> None:
    scene = prod(ssm=Answers(get_parameter=refused("ParameterNotFound")))

    with pytest.raises(DeployError, match="cdk bootstrap aws://111122223333/eu-central-1"):
        scene.deployment.run()

    assert scene.programs.did == ["synth"]


def test_table_is_not_lost_when_a_stage_retains_its_data() -> None:
    lost = {"Template": {"Resources": {"Ledger": {"Type": "AWS::DynamoDB::GlobalTable"}}}}
    scene = prod(cloudformation=stacks(data=lost | {"Resources": []}))

    with pytest.raises(DeployError, match="table Ledger would leave the stage prod"):
        scene.deployment.run()


def test_cure_is_named_when_nobody_is_signed_in() -> None:
    scene = prod(sts=Sts(get_caller_identity=refused("ExpiredToken")))

    with pytest.raises(DeployError, match="aws sso login"):
        scene.deployment.run()


def test_local_stage_is_refused_when_the_account_is_a_real_one() -> None:
    scene = Scene(stage_config("local"), Options())

    with pytest.raises(DeployError, match="belongs on the emulator"):
        scene.deployment.run()


@pytest.mark.parametrize(
    ("programs", "match"),
    [
        (FakePrograms(synthesis=1), "could not be synthesized"),
        (FakePrograms(deployment=1), "run the same command again"),
        (FakePrograms(node="v18.0.0"), "install Node 20"),
        (FakePrograms(docker=""), "start Docker"),
        (FakePrograms(cdk="3.0.0"), "make install"),
    ],
)
def test_reason_is_told_when_a_program_fails(programs: FakePrograms, match: str) -> None:
    with pytest.raises(DeployError, match=match):
        prod(programs=programs).deployment.run()


def test_leftovers_are_taken_over_when_that_was_asked_for() -> None:
    services: dict[str, Any] = {
        "cloudformation": stacks(),
        "secretsmanager": Answers(list_secrets={"SecretList": [{"Name": "dailies/prod/signing"}]}),
        "logs": Answers(describe_log_groups={"logGroups": []}),
    }

    with pytest.raises(DeployError, match="Deploying again after a destroy"):
        prod(**services).deployment.run()
    scene = prod(options=Options(adopt=True), **services)
    with pytest.raises(DeployError, match="there is no stack"):  # the fake makes none
        scene.deployment.run()

    assert "--import-existing-resources" in scene.programs.ran[-1]


def test_bytecode_is_compiled_by_the_host_when_the_stage_is_local() -> None:
    lines = [str(one) for one in check_machine(stage_config("local"), FakePrograms().ask)]

    assert lines[2].startswith("ok   bytecode")


def test_settings_of_the_laptop_reach_the_stacks_when_they_are_given(tmp_path: Path) -> None:
    programs = FakePrograms()

    assembly = synthesize(stage_config("local"), {"public_url": "http://x"}, programs, tmp_path)

    assert programs.ran[0][-4:] == ["--context", "stage=local", "--context", "public_url=http://x"]
    assert assembly == read_assembly(stage_config("local"), tmp_path / "cdk.out" / "local")
    assert assembly.bootstrap_version == 6


def smoke(api: Any) -> SmokeTest:
    at = [0.0]

    def sleep(seconds: float) -> None:
        at[0] += seconds

    http = httpx.Client(base_url="https://api.example", transport=httpx.MockTransport(api))
    return SmokeTest(http, sleep=sleep, now=lambda: at[0], fetch=lambda url: (200, VIDEO))


def test_smoke_job_fails_when_the_job_fails() -> None:
    with pytest.raises(DeployError, match="job_1 is failed"):
        smoke(Api(ends="failed")).run()


def test_smoke_job_fails_when_it_takes_too_long() -> None:
    with pytest.raises(DeployError, match="still running after 180 s"):
        smoke(Api(ends="running")).run()


def test_smoke_job_fails_when_the_api_is_broken() -> None:
    with pytest.raises(DeployError, match="POST /v1/assets/ast_1/download-url with 500"):
        smoke(Api()).run()


def test_smoke_job_fails_when_nobody_answers() -> None:
    def dead(request: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("refused")

    with pytest.raises(DeployError, match="did not answer GET /v1/models"):
        smoke(dead).models()


@pytest.mark.parametrize("content", [VIDEO, b"<html>"])
def test_smoke_job_needs_a_video_when_it_has_succeeded(content: bytes) -> None:
    api = Api()

    def answering(request: httpx.Request) -> httpx.Response:
        if request.url.path.endswith("/download-url"):
            return httpx.Response(200, json={"url": "https://media.example/a"})
        return api(request)

    test = smoke(answering)
    test.fetch = lambda url: (200, content)

    if content is VIDEO:
        assert test.run().size_bytes == len(VIDEO)
    else:
        with pytest.raises(DeployError, match="cannot be fetched"):
            test.run()


def test_aliases_go_back_when_the_smoke_test_fails_and_that_was_asked_for() -> None:
    changed = {"Template": {"Resources": {}}, "Resources": [resource("AWS::SQS::Queue", "q")]}
    began = {"LastUpdatedTime": dt.datetime.now(dt.UTC)}
    outputs = {"Outputs": [{"OutputKey": "ApiUrl", "OutputValue": "https://api.example"},
                           {"OutputKey": "TableName", "OutputValue": "t"}]}  # fmt: skip
    there = changed | began | outputs
    scene = prod(
        options=Options(roll_back=True),
        api=lambda request: httpx.Response(502),
        cloudformation=stacks(data=there, pipeline=there),
        stepfunctions=Answers(),
    )

    with pytest.raises(DeployError, match="502"):
        scene.deployment.run()

    assert "Going back to what ran before" in scene.text
    assert "0 aliases were moved back." in scene.text
