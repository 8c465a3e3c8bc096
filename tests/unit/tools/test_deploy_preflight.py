"""Each check of an account: what it finds, and that its cure is named."""

from __future__ import annotations

from typing import Any

import pytest

from infra.stage import stage_config
from tests.unit.tools.cloud import Account, Answers, refused, resource, stacks
from tools.deploy.checks import Check, Level
from tools.deploy.preflight import Target, check_account


def good_account(**changed: Any) -> Account:
    """Return an account in which nothing is missing, but for what is changed."""
    services: dict[str, Any] = {
        "ssm": Answers(get_parameter={"Parameter": {"Value": "21"}}),
        "cloudformation": stacks(),
        "secretsmanager": Answers(list_secrets={"SecretList": []}),
        "logs": Answers(describe_log_groups={"logGroups": []}),
        "lambda": limits(1000),
        "service-quotas": quotas(300.0),
        "sesv2": Answers(
            get_account={"ProductionAccessEnabled": True},
            get_email_identity={"VerifiedForSendingStatus": True},
        ),
    }
    return Account(**services | {name.replace("_", "-"): one for name, one in changed.items()})


def limits(total: int) -> Answers:
    limit = {"ConcurrentExecutions": total, "UnreservedConcurrentExecutions": total}
    return Answers(get_account_settings={"AccountLimit": limit})


def quotas(refill: float, processors: float = 64.0) -> Answers:
    quota = {"QuotaName": "StartExecution throttle token refill rate per second", "Value": refill}
    return Answers(
        list_service_quotas={"Quotas": [quota]},
        get_service_quota={"Quota": {"Value": processors}},
    )


def check(account: Account, stage: str = "dev") -> list[Check]:
    target = Target(stage_config(stage), "111122223333", "eu-central-1", 6)
    return list(check_account(account, target))


def the_one(checks: list[Check], level: Level) -> Check:
    (found,) = [one for one in checks if one.level is level]
    return found


def test_nothing_is_said_against_it_when_an_account_is_ready() -> None:
    checks = check(good_account())

    assert {one.level for one in checks} == {Level.OK}
    assert all(not one.cure for one in checks)


def test_bootstrap_is_told_when_the_account_has_none() -> None:
    account = good_account(ssm=Answers(get_parameter=refused("ParameterNotFound")))

    found = the_one(check(account), Level.FAIL)

    assert found.cure == "node_modules/.bin/cdk bootstrap aws://111122223333/eu-central-1"


def test_bootstrap_is_told_when_the_accounts_is_too_old() -> None:
    account = good_account(ssm=Answers(get_parameter={"Parameter": {"Value": "5"}}))

    assert "version 5, needed is 6" in the_one(check(account), Level.FAIL).found


@pytest.mark.parametrize(
    ("status", "cure"),
    [
        ("UPDATE_IN_PROGRESS", "wait"),
        ("ROLLBACK_COMPLETE", "delete-stack --stack-name Dailies-dev-Pipeline"),
        ("UPDATE_ROLLBACK_FAILED", "continue-update-rollback"),
    ],
)
def test_stack_stops_a_deployment_when_it_cannot_be_updated(status: str, cure: str) -> None:
    account = good_account(cloudformation=stacks(pipeline={"StackStatus": status}))

    assert cure in the_one(check(account), Level.FAIL).cure


def test_leftovers_stop_a_deployment_when_the_stacks_are_gone() -> None:
    account = good_account(
        secretsmanager=Answers(list_secrets={"SecretList": [{"Name": "dailies/dev/signing"}]}),
        logs=Answers(describe_log_groups={"logGroups": [{"logGroupName": "/dailies/dev/api"}]}),
    )

    failed = [one.found for one in check(account) if one.level is Level.FAIL]

    assert [text.split(":")[0].split(",")[0] for text in failed] == [
        "secrets of an earlier deployment",
        "log groups of an earlier deployment",
    ]


def test_concurrency_stops_production_when_too_little_would_be_left() -> None:
    found = the_one(check(good_account(**{"lambda": limits(250)}), "prod"), Level.FAIL)

    assert "250 free of 250, 200 to be reserved" in found.found
    assert "L-B99A9384" in found.cure


def test_reserved_concurrency_is_not_counted_twice_when_production_is_deployed() -> None:
    account = good_account(cloudformation=stacks(pipeline={}), **{"lambda": limits(250)})

    assert not [one for one in check(account, "prod") if one.level is Level.FAIL]


def test_small_quotas_are_warned_of_when_an_account_is_new() -> None:
    warned = [
        one
        for one in check(good_account(**{"lambda": limits(10), "service-quotas": quotas(50)}))
        if one.level is Level.WARN
    ]

    assert [one.found for one in warned] == [
        "Lambda concurrency: 10 for the whole account",
        "Step Functions: 50 jobs may start per second",
    ]


def test_machines_that_may_not_start_are_told_with_the_request_that_helps() -> None:
    account = good_account(**{"service-quotas": quotas(300, processors=0)})
    warned = [one for one in check(account) if one.level is Level.WARN]

    assert [one.found for one in warned] == [
        "GPU machines, Spot: 0 processors at once, the stage may ask for 16",
        "GPU machines, On-Demand: 0 processors at once, the stage may ask for 16",
        "machines without GPU: 0 processors at once, the stage may ask for 32",
    ]
    assert "--quota-code L-3819A6DF --desired-value 16" in warned[0].cure


def test_machines_are_no_matter_when_a_stage_starts_none() -> None:
    local = Target(stage_config("local"), "111122223333", "eu-central-1", 6)
    account = good_account(**{"service-quotas": quotas(300, processors=0)})

    assert not [one for one in check_account(account, local) if "machines" in one.found]


def test_email_is_warned_of_when_ses_is_in_its_sandbox() -> None:
    ses = Answers(get_account={}, get_email_identity=refused("NotFoundException"))

    warned = [one for one in check(good_account(sesv2=ses)) if one.level is Level.WARN]

    assert ["sandbox" in warned[0].found, "not verified" in warned[1].found] == [True, True]


@pytest.mark.parametrize(
    ("content", "level"), [("{}", Level.WARN), ('{"api_key": "k-very-secret"}', Level.OK)]
)
def test_credentials_are_looked_at_and_not_shown_when_a_stage_is_there(
    content: str, level: Level
) -> None:
    arns = [
        resource(
            "AWS::SecretsManager::Secret",
            f"arn:aws:secretsmanager:x:1:secret:dailies/dev/providers/{vendor}-abc",
            vendor,
        )
        for vendor in stage_config("dev").providers
    ]
    account = good_account(
        cloudformation=stacks(data={"Resources": arns}),
        secretsmanager=Answers(get_secret_value={"SecretString": content}),
    )

    found = [one for one in check(account) if one.found.startswith("credentials of")]

    assert {one.level for one in found} == {level}
    assert len(found) == len(stage_config("dev").providers)
    assert not [one for one in found if "very-secret" in str(one)]


def test_it_goes_on_when_aws_refuses_a_question() -> None:
    account = good_account(
        **{
            "service-quotas": Answers(
                list_service_quotas=refused("AccessDeniedException"),
                get_service_quota={"Quota": {"Value": 64.0}},
            )
        }
    )

    found = the_one(check(account), Level.WARN)

    assert found.found == "Step Functions quotas: AWS did not say (AccessDeniedException)"


def test_line_shows_level_finding_and_cure_when_it_is_printed() -> None:
    assert str(Check(Level.WARN, "it is cold", "a coat")) == "warn it is cold -> a coat"
    assert str(Check(Level.OK, "it is warm")) == "ok   it is warm"
