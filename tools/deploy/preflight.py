"""What an account must have before a stage is deployed into it, asked of the account itself."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from infra.stage import StageConfig
from tools.deploy.checks import Check, fail, ok, warn
from tools.deploy.stacks import Clients, find_stack, resources_of, stack_names

_BOOTSTRAP_VERSION = "/cdk-bootstrap/hnb659fds/version"
_UNRESERVED_MINIMUM = 100
"""AWS keeps so many concurrent executions for functions that reserve none."""

_COMFORTABLE_CONCURRENCY = 1000
_STARTS_PER_S = 150
"""The lower of the two defaults of StartExecution, which differ by region."""

_GPU_VCPUS, _CPU_VCPUS = 4, 8
"""Of one job of enhancement."""

_GENERAL_ADVICE = "check that your role may ask; deploying may work all the same"


@dataclass(frozen=True)
class Target:
    """Where a stage goes."""

    stage: StageConfig
    account: str
    region: str
    bootstrap_version: int
    """The oldest bootstrap stack that the templates can be deployed with."""


def identify(clients: Clients) -> tuple[str, str, str]:
    """Return account, region and who asks.

    Raises:
        BotoCoreError, ClientError: there are no credentials, or no region.
    """
    sts = clients("sts")
    identity = sts.get_caller_identity()
    return identity["Account"], sts.meta.region_name, identity["Arn"]


def check_account(clients: Clients, target: Target) -> Iterator[Check]:
    """Check everything; a question that AWS does not answer is a warning, never a crash."""
    checks: Iterable[tuple[str, Callable[[Clients, Target], Iterable[Check]]]] = (
        ("bootstrap stack", _check_bootstrap),
        ("stacks", _check_stacks),
        ("leftovers", _check_leftovers),
        ("Lambda concurrency", _check_concurrency),
        ("Step Functions quotas", _check_starts),
        ("GPU quotas", _check_machines),
        ("email", _check_email),
        ("vendors' credentials", _check_secrets),
    )
    for name, check in checks:
        try:
            yield from list(check(clients, target))
        except (ClientError, BotoCoreError, KeyError) as exc:
            yield warn(f"{name}: AWS did not say ({_code(exc)})", _GENERAL_ADVICE)


def _check_bootstrap(clients: Clients, target: Target) -> Iterator[Check]:
    if target.stage.on_host:
        yield ok("bootstrap stack: not needed by the stage local")
        return
    cure = f"node_modules/.bin/cdk bootstrap aws://{target.account}/{target.region}"
    try:
        answer = clients("ssm").get_parameter(Name=_BOOTSTRAP_VERSION)
    except ClientError as exc:
        if _code(exc) != "ParameterNotFound":
            raise
        yield fail("bootstrap stack: there is none in this account and region", cure)
        return
    version = int(answer["Parameter"]["Value"])
    if version < target.bootstrap_version:
        yield fail(
            f"bootstrap stack: version {version}, needed is {target.bootstrap_version}", cure
        )
    else:
        yield ok(f"bootstrap stack: version {version}")


def _check_stacks(clients: Clients, target: Target) -> Iterator[Check]:
    for name in stack_names(target.stage.name):
        stack = find_stack(clients, name)
        if stack is None:
            continue
        if stack.busy:
            yield fail(
                f"{name}: {stack.status}", "wait until CloudFormation is done, then try again"
            )
        elif stack.status == "ROLLBACK_COMPLETE":
            cure = f"aws cloudformation delete-stack --stack-name {name}"
            yield fail(f"{name}: its first deployment failed", cure)
        elif stack.status == "UPDATE_ROLLBACK_FAILED":
            cure = f"aws cloudformation continue-update-rollback --stack-name {name}"
            yield fail(f"{name}: {stack.status}", cure)
        else:
            yield ok(f"{name}: {stack.status}, will be updated")


def _check_leftovers(clients: Clients, target: Target) -> Iterator[Check]:
    """Look for names that an earlier deployment kept, and that CloudFormation would trip over."""
    data, pipeline = stack_names(target.stage.name)
    cure = "see 'Deploying again after a destroy' in docs/deploying.md"
    if find_stack(clients, data) is None:
        filters = [{"Key": "name", "Values": [f"{target.stage.secrets_prefix}/"]}]
        kept = clients("secretsmanager").list_secrets(Filters=filters)["SecretList"]
        if kept:
            yield fail(f"secrets of an earlier deployment: {kept[0]['Name']} and others", cure)
    if find_stack(clients, pipeline) is None:
        prefix = f"/dailies/{target.stage.name}/"
        answer = clients("logs").describe_log_groups(logGroupNamePrefix=prefix)
        if answer["logGroups"]:
            yield fail(f"log groups of an earlier deployment, under {prefix}", cure)


def _check_concurrency(clients: Clients, target: Target) -> Iterator[Check]:
    limits = clients("lambda").get_account_settings()["AccountLimit"]
    total, free = limits["ConcurrentExecutions"], limits["UnreservedConcurrentExecutions"]
    wanted = target.stage.poll_reserved_concurrency or 0
    _, pipeline = stack_names(target.stage.name)
    if wanted and find_stack(clients, pipeline) is not None:
        wanted = 0  # reserved by the deployment that is there
    cure = (
        "aws service-quotas request-service-quota-increase --service-code lambda"
        f" --quota-code L-B99A9384 --desired-value {_COMFORTABLE_CONCURRENCY}"
    )
    if wanted and free - wanted < _UNRESERVED_MINIMUM:
        found = f"Lambda concurrency: {free} free of {total}, {wanted} to be reserved for polling"
        yield fail(f"{found}, and AWS keeps {_UNRESERVED_MINIMUM}", cure)
    elif total < _COMFORTABLE_CONCURRENCY:
        yield warn(f"Lambda concurrency: {total} for the whole account", cure)
    else:
        yield ok(f"Lambda concurrency: {total}, {free} of them unreserved")


def _check_starts(clients: Clients, target: Target) -> Iterator[Check]:
    pages = clients("service-quotas").get_paginator("list_service_quotas")
    quotas = [q for page in pages.paginate(ServiceCode="states") for q in page["Quotas"]]
    starts = [
        quota["Value"]
        for quota in quotas
        if "StartExecution" in quota["QuotaName"] and "refill" in quota["QuotaName"].lower()
    ]
    if not starts:
        yield warn("Step Functions: no quota of StartExecution is listed", _GENERAL_ADVICE)
    elif min(starts) < _STARTS_PER_S:
        cure = "ask for more in the console: Service Quotas, AWS Step Functions, StartExecution"
        yield warn(f"Step Functions: {min(starts):g} jobs may start per second", cure)
    else:
        yield ok(f"Step Functions: {min(starts):g} jobs may start per second")


def _check_machines(clients: Clients, target: Target) -> Iterator[Check]:
    """Look whether the account may start the machines that enhance: new ones may start no GPU."""
    if target.stage.enhance_compute != "batch":
        return
    gpu, cpu = target.stage.gpu_machines * _GPU_VCPUS, target.stage.cpu_machines * _CPU_VCPUS
    for what, code, wanted in (
        ("GPU machines, Spot", "L-3819A6DF", gpu),
        ("GPU machines, On-Demand", "L-DB2E81BA", gpu),
        ("machines without GPU", "L-1216C47A", cpu),
    ):
        quota = clients("service-quotas").get_service_quota(ServiceCode="ec2", QuotaCode=code)
        allowed = quota["Quota"]["Value"]
        found = f"{what}: {allowed:g} processors at once"
        cure = (
            "aws service-quotas request-service-quota-increase --service-code ec2"
            f" --quota-code {code} --desired-value {wanted}"
        )
        if allowed < wanted:
            yield warn(f"{found}, the stage may ask for {wanted}", cure)
        else:
            yield ok(found)


def _check_email(clients: Clients, target: Target) -> Iterator[Check]:
    ses, sender = clients("sesv2"), target.stage.sender
    if not ses.get_account().get("ProductionAccessEnabled", False):
        cure = "ask for production access in the SES console"
        yield warn("email: SES is in its sandbox and writes to verified addresses only", cure)
    cure = "set `sender` in infra/stage.py to an address of yours; SES mails it a link to click"
    try:
        verified = ses.get_email_identity(EmailIdentity=sender)["VerifiedForSendingStatus"]
    except ClientError as exc:
        if _code(exc) != "NotFoundException":
            raise
        verified = False
    yield (
        ok(f"email: {sender} is verified")
        if verified
        else warn(f"email: {sender} is not verified, so that no result is mailed", cure)
    )


def _check_secrets(clients: Clients, target: Target) -> Iterator[Check]:
    data, _ = stack_names(target.stage.name)
    if find_stack(clients, data) is None:
        vendors = ", ".join(target.stage.providers)
        yield ok(f"vendors' credentials: empty secrets are made for {vendors}, to be filled in")
        return
    present = resources_of(clients, data, "AWS::SecretsManager::Secret").values()
    for vendor in target.stage.providers:
        name = f"{target.stage.secrets_prefix}/providers/{vendor}"
        if not any(name in arn for arn in present):
            yield ok(f"credentials of {vendor}: an empty secret is made, to be filled in")
        elif json.loads(clients("secretsmanager").get_secret_value(SecretId=name)["SecretString"]):
            yield ok(f"credentials of {vendor}: filled in")
        else:
            yield warn(f"credentials of {vendor}: empty, its jobs fail", secret_command(name))


def secret_command(name: str) -> str:
    """Return the command that fills a secret in."""
    return (
        f"aws secretsmanager put-secret-value --secret-id {name} --secret-string file://secret.json"
    )


def _code(exc: Exception) -> str:
    if isinstance(exc, ClientError):
        error: Any = exc.response.get("Error", {})
        return str(error.get("Code", "unknown"))
    return type(exc).__name__
