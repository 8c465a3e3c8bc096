"""What several functions share: one of each per process."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import TYPE_CHECKING

from dailies import settings
from dailies.adapters.aws_clients import client
from dailies.domain.catalogue import load_catalogue
from dailies.services.recording import LedgerPorts

if TYPE_CHECKING:
    from dailies.adapters.clock import SystemClock
    from dailies.adapters.dynamodb_ledger import DynamoDbLedger
    from dailies.adapters.eventbridge_bus import EventBridgeBus
    from dailies.adapters.s3_media import S3MediaStore
    from dailies.adapters.secrets import SecretsManagerSecrets
    from dailies.adapters.stepfunctions_workflow import (
        StepFunctionsCompute,
        StepFunctionsWorkflow,
    )
    from dailies.providers import Registry
    from dailies.services.sweep import SweepPorts


def ledger_ports() -> LedgerPorts:
    """Return what functions get that only read and write the ledger."""
    table = settings.LedgerSettings.read().table_name
    return LedgerPorts(ledger(table), clock(), load_catalogue())


def sweep_ports(table: str, state_machine_arn: str, enhance_arn: str) -> SweepPorts:
    """Return what looking after jobs needs."""
    from dailies.services.sweep import SweepPorts

    runs, tasks = workflow(state_machine_arn), compute(enhance_arn)
    return SweepPorts(ledger(table), clock(), load_catalogue(), runs, tasks)


@cache
def clock() -> SystemClock:
    """Return the clock."""
    from dailies.adapters.clock import SystemClock

    return SystemClock()


@cache
def ledger(table: str) -> DynamoDbLedger:
    """Return the ledger."""
    from dailies.adapters.dynamodb_ledger import DynamoDbLedger

    return DynamoDbLedger(table, client("dynamodb"))


def media(bucket: str) -> S3MediaStore:
    """Return the media bucket."""
    from dailies.adapters.s3_media import S3MediaStore

    return S3MediaStore(client("s3"), bucket)


@cache
def secrets(prefix: str) -> SecretsManagerSecrets:
    """Return the stage's secrets."""
    from dailies.adapters.secrets import SecretsManagerSecrets

    return SecretsManagerSecrets(client("secretsmanager"), prefix, clock())


def providers(prefix: str, endpoints: Mapping[str, str]) -> Registry:
    """Return the vendors; each is built when it is first asked for."""
    from dailies.providers import Registry

    return Registry(secrets(prefix), clock(), endpoints)


def workflow(state_machine_arn: str) -> StepFunctionsWorkflow:
    """Return the engine of `generate`."""
    from dailies.adapters.stepfunctions_workflow import StepFunctionsWorkflow

    return StepFunctionsWorkflow(client("stepfunctions"), state_machine_arn)


def compute(state_machine_arn: str) -> StepFunctionsCompute:
    """Return the engine of tasks of enhancement."""
    from dailies.adapters.stepfunctions_workflow import StepFunctionsCompute

    return StepFunctionsCompute(client("stepfunctions"), state_machine_arn)


def bus(name: str) -> EventBridgeBus:
    """Return the event bus."""
    from dailies.adapters.eventbridge_bus import EventBridgeBus

    return EventBridgeBus(client("events"), name)
