"""The composition root: from settings to ports. The only place that picks adapters.

One function per handler, each built once per process. Imports stand inside them, so that a function
pays only for what it uses; on Lambda all of it happens in INIT, which has a whole CPU whatever the
function's memory.
"""

from __future__ import annotations

import gc
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

from dailies import settings
from dailies.adapters.aws_clients import client
from dailies.domain.attempts import Attempt
from dailies.domain.catalogue import CallbackKind, Catalogue, load_catalogue
from dailies.services.recording import LedgerPorts

if TYPE_CHECKING:
    from dailies.adapters.clock import SystemClock
    from dailies.adapters.dynamodb_ledger import DynamoDbLedger
    from dailies.adapters.eventbridge_bus import EventBridgeBus
    from dailies.adapters.s3_media import S3MediaStore
    from dailies.adapters.secrets import SecretsManagerSecrets
    from dailies.adapters.stepfunctions_workflow import (
        StepFunctionsDeliveryWorkflow,
        StepFunctionsWorkflow,
    )
    from dailies.domain.access import Keys, Links
    from dailies.domain.ids import NewId
    from dailies.domain.ports import (
        Clock,
        EventBus,
        Ledger,
        MediaStore,
        Providers,
        Secrets,
        Workflow,
    )
    from dailies.providers import Registry
    from dailies.services.alert_chat import AlertChatPorts
    from dailies.services.announce import AnnouncePorts
    from dailies.services.deliver_outbox import OutboxPorts
    from dailies.services.deliver_webhook import DeliverWebhookPorts
    from dailies.services.poll import PollPorts
    from dailies.services.probe import ProbePorts
    from dailies.services.publish import PublishPorts
    from dailies.services.resolve import ResolvePorts
    from dailies.services.send_email import SendEmailPorts
    from dailies.services.start_arrival import InboxPorts
    from dailies.services.store import StorePorts
    from dailies.services.submit import SubmitPorts
    from dailies.services.sweep import SweepPorts


def warm() -> None:
    """Build what every call of the running function uses. Does nothing outside Lambda."""
    name = settings.running_handler()
    if name is not None:
        globals()[name]()
        gc.freeze()  # what is built now stays: no collection need ever go through it


@dataclass(frozen=True)
class AuthorizePorts:
    """What the authorizer needs."""

    keys: Keys


@dataclass(frozen=True)
class ApiPorts:
    """What the HTTP API needs."""

    ledger: Ledger
    workflow: Workflow
    media: MediaStore
    links: Links
    catalogue: Catalogue
    clock: Clock
    new_id: NewId


@dataclass(frozen=True)
class CallbackPorts:
    """What taking a vendor's callback needs."""

    ledger: Ledger
    workflow: Workflow
    providers: Providers
    catalogue: Catalogue
    secrets: Secrets
    public_url: str = ""
    """As vendors were told it; empty where none can reach us."""


@dataclass(frozen=True)
class SweeperPorts:
    """What the sweeper needs."""

    jobs: SweepPorts
    bus: EventBus


# ---------------------------------------------------------------- one per handler


@cache
def plan() -> LedgerPorts:
    """For Plan."""
    return _ledger_ports()


settle = notify = fail = plan


@cache
def submit() -> SubmitPorts:
    """For Submit."""
    from dailies.adapters.dynamodb_latency import DynamoDbLatency
    from dailies.services.generation_request import RequestBuilder
    from dailies.services.submit import SubmitPorts

    env = settings.SubmitSettings.read()
    ledger, clock, catalogue = _ledger(env.table_name), _clock(), load_catalogue()
    return SubmitPorts(
        ledger=ledger,
        providers=_providers(env.secrets_prefix, env.provider_endpoints),
        catalogue=catalogue,
        clock=clock,
        stats=DynamoDbLatency(env.table_name, client("dynamodb"), clock),
        request_for=RequestBuilder(ledger, catalogue, lambda: _media(env.media_bucket)),
        callback_url=_callback_url(env),
    )


@cache
def resolve() -> ResolvePorts:
    """For Resolve."""
    from dailies.services.resolve import ResolvePorts

    env = settings.VendorSettings.read()
    return ResolvePorts(
        ledger=_ledger(env.table_name),
        providers=_providers(env.secrets_prefix, env.provider_endpoints),
        catalogue=load_catalogue(),
        clock=_clock(),
        callback_url=_callback_url(env),
    )


@cache
def poll() -> PollPorts:
    """For Poll."""
    from dailies.adapters.dynamodb_latency import DynamoDbLatency
    from dailies.services.poll import PollPorts

    env = settings.VendorSettings.read()
    clock = _clock()
    return PollPorts(
        ledger=_ledger(env.table_name),
        providers=_providers(env.secrets_prefix, env.provider_endpoints),
        catalogue=load_catalogue(),
        clock=clock,
        stats=DynamoDbLatency(env.table_name, client("dynamodb"), clock),
        reachable=bool(env.public_url),
    )


@cache
def store() -> StorePorts:
    """For Store."""
    from dailies.adapters.guarded_fetch import GuardedFetcher
    from dailies.services.store import StorePorts

    env = settings.StoreSettings.read()
    return StorePorts(
        ledger=_ledger(env.table_name),
        clock=_clock(),
        catalogue=load_catalogue(),
        providers=_providers(env.secrets_prefix, env.provider_endpoints),
        fetcher=GuardedFetcher(frozenset(env.outbound_allow)),
        media=_media(env.media_bucket),
    )


@cache
def probe() -> ProbePorts:
    """For Probe."""
    from dailies.adapters.inspect_media import AvInspector
    from dailies.services.probe import ProbePorts

    env = settings.ProbeSettings.read()
    media = _media(env.media_bucket)
    return ProbePorts(
        ledger=_ledger(env.table_name),
        clock=_clock(),
        catalogue=load_catalogue(),
        media=media,
        inspector=AvInspector(media),
    )


@cache
def api() -> ApiPorts:
    """For the HTTP API."""
    from dailies.adapters.dynamodb_links import DynamoDbLinks
    from dailies.domain.ids import new_id

    env = settings.ApiSettings.read()
    return ApiPorts(
        ledger=_ledger(env.table_name),
        workflow=_workflow(env.state_machine_arn),
        media=_media(env.media_bucket),
        links=DynamoDbLinks(env.table_name, client("dynamodb")),
        catalogue=load_catalogue().without(env.withheld_vendors),
        clock=_clock(),
        new_id=new_id,
    )


@cache
def authorize() -> AuthorizePorts:
    """For the authorizer."""
    from dailies.adapters.dynamodb_keys import DynamoDbKeys

    table = settings.LedgerSettings.read().table_name
    return AuthorizePorts(keys=DynamoDbKeys(table, client("dynamodb")))


@cache
def provider_callback() -> CallbackPorts:
    """For vendors' callbacks."""
    env = settings.CallbackSettings.read()
    return CallbackPorts(
        ledger=_ledger(env.table_name),
        providers=_providers(env.secrets_prefix, env.provider_endpoints),
        secrets=_secrets(env.secrets_prefix),
        workflow=_workflow(env.state_machine_arn),
        catalogue=load_catalogue(),
        public_url=env.public_url,
    )


@cache
def publish() -> PublishPorts:
    """For the outbox's reader."""
    from dailies.services.publish import PublishPorts

    env = settings.PublishSettings.read()
    return PublishPorts(ledger=_ledger(env.table_name), bus=_bus(env.event_bus_name))


@cache
def start_webhook() -> StepFunctionsDeliveryWorkflow:
    """For the starter of webhook deliveries."""
    from dailies.adapters.stepfunctions_workflow import StepFunctionsDeliveryWorkflow

    env = settings.StartWebhookSettings.read()
    return StepFunctionsDeliveryWorkflow(client("stepfunctions"), env.webhook_state_machine_arn)


@cache
def deliver_webhook() -> DeliverWebhookPorts:
    """For one try of one webhook."""
    from dailies.adapters.dynamodb_endpoints import DynamoDbEndpoints
    from dailies.adapters.guarded_post import GuardedPoster
    from dailies.services.deliver_webhook import DeliverWebhookPorts

    env = settings.DeliverWebhookSettings.read()
    return DeliverWebhookPorts(
        ledger=_ledger(env.table_name),
        endpoints=DynamoDbEndpoints(env.table_name, client("dynamodb")),
        poster=GuardedPoster(frozenset(env.outbound_allow)),
        secrets=_secrets(env.secrets_prefix),
        clock=_clock(),
    )


@cache
def send_email() -> SendEmailPorts:
    """For emails."""
    from secrets import token_urlsafe

    from dailies.adapters.dynamodb_links import DynamoDbLinks
    from dailies.adapters.ses_email import SesEmail
    from dailies.services.send_email import SendEmailPorts
    from dailies.services.share_asset import create_link

    env = settings.SendEmailSettings.read()
    links, clock = DynamoDbLinks(env.table_name, client("dynamodb")), _clock()

    def link(asset_id: str, tenant: str) -> str:
        token = create_link(
            asset_id, tenant=tenant, links=links, clock=clock, random_token=token_urlsafe
        )
        return f"{env.public_url.rstrip('/')}/v1/links/{token}"

    return SendEmailPorts(
        ledger=_ledger(env.table_name),
        media=_media(env.media_bucket),
        mailer=SesEmail(client("sesv2"), env.sender),
        clock=clock,
        link=link,
    )


@cache
def announce() -> AnnouncePorts:
    """For the SNS topic."""
    from dailies.adapters.sns_topic import SnsTopic
    from dailies.services.announce import AnnouncePorts

    env = settings.AnnounceSettings.read()
    return AnnouncePorts(
        ledger=_ledger(env.table_name), topic=SnsTopic(client("sns"), env.topic_arn), clock=_clock()
    )


@cache
def alert_chat() -> AlertChatPorts:
    """For the operators' chat."""
    from dailies.adapters.guarded_post import GuardedPoster
    from dailies.services.alert_chat import AlertChatPorts

    env = settings.AlertChatSettings.read()
    return AlertChatPorts(
        poster=GuardedPoster(frozenset(env.outbound_allow)),
        secrets=_secrets(env.secrets_prefix),
        secret_name=env.chat_secret,
    )


@cache
def sweep() -> SweeperPorts:
    """For the sweeper."""
    env = settings.SweepSettings.read()
    jobs = _sweep_ports(env.table_name, env.state_machine_arn)
    return SweeperPorts(jobs, _bus(env.event_bus_name))


@cache
def execution_ended() -> SweepPorts:
    """For the catch-all rule."""
    env = settings.ExecutionEndedSettings.read()
    return _sweep_ports(env.table_name, env.state_machine_arn)


@cache
def ingest_upload() -> InboxPorts:
    """For the drop folder."""
    from dailies.adapters.dynamodb_arrivals import DynamoDbArrivals
    from dailies.adapters.dynamodb_keys import DynamoDbKeys
    from dailies.adapters.s3_drop_folder import S3DropFolder
    from dailies.adapters.sqs_later import SqsLater
    from dailies.services.start_arrival import InboxPorts

    env = settings.InboxSettings.read()
    return InboxPorts(
        arrivals=DynamoDbArrivals(env.table_name, client("dynamodb")),
        folder=S3DropFolder(client("s3"), env.media_bucket),
        later=SqsLater(client("sqs"), env.inbox_queue_url),
        tenants=DynamoDbKeys(env.table_name, client("dynamodb")),
        ledger=_ledger(env.table_name),
        workflow=_workflow(env.state_machine_arn),
        catalogue=load_catalogue().without(env.withheld_vendors),
        clock=_clock(),
        daily_cap_usd=env.inbox_daily_cap_usd,
    )


sweep_inbox = ingest_upload


@cache
def deliver_outbox() -> OutboxPorts:
    """For the outbox."""
    from dailies.adapters.dynamodb_arrivals import DynamoDbArrivals
    from dailies.adapters.s3_drop_folder import S3DropFolder
    from dailies.services.deliver_outbox import OutboxPorts

    env = settings.DeliverOutboxSettings.read()
    return OutboxPorts(
        arrivals=DynamoDbArrivals(env.table_name, client("dynamodb")),
        folder=S3DropFolder(client("s3"), env.media_bucket),
        ledger=_ledger(env.table_name),
        clock=_clock(),
    )


# ---------------------------------------------------------------- shared parts


def _ledger_ports() -> LedgerPorts:
    table = settings.LedgerSettings.read().table_name
    return LedgerPorts(_ledger(table), _clock(), load_catalogue())


def _sweep_ports(table: str, state_machine_arn: str) -> SweepPorts:
    from dailies.services.sweep import SweepPorts

    workflow = _workflow(state_machine_arn)
    return SweepPorts(_ledger(table), _clock(), load_catalogue(), workflow)


@cache
def _clock() -> SystemClock:
    from dailies.adapters.clock import SystemClock

    return SystemClock()


@cache
def _ledger(table: str) -> DynamoDbLedger:
    from dailies.adapters.dynamodb_ledger import DynamoDbLedger

    return DynamoDbLedger(table, client("dynamodb"))


def _media(bucket: str) -> S3MediaStore:
    from dailies.adapters.s3_media import S3MediaStore

    return S3MediaStore(client("s3"), bucket)


@cache
def _secrets(prefix: str) -> SecretsManagerSecrets:
    from dailies.adapters.secrets import SecretsManagerSecrets

    return SecretsManagerSecrets(client("secretsmanager"), prefix, _clock())


def _providers(prefix: str, endpoints: Mapping[str, str]) -> Registry:
    from dailies.providers import Registry

    return Registry(_secrets(prefix), _clock(), endpoints)


def _workflow(state_machine_arn: str) -> StepFunctionsWorkflow:
    from dailies.adapters.stepfunctions_workflow import StepFunctionsWorkflow

    return StepFunctionsWorkflow(client("stepfunctions"), state_machine_arn)


def _bus(name: str) -> EventBridgeBus:
    from dailies.adapters.eventbridge_bus import EventBridgeBus

    return EventBridgeBus(client("events"), name)


def _callback_url(env: settings.VendorSettings) -> Callable[[Attempt], str | None]:
    from dailies.domain.signing import callback_secret, callback_url

    def url(attempt: Attempt) -> str | None:
        vendor = load_catalogue().vendor(attempt.vendor)
        if not env.public_url or vendor.callbacks is CallbackKind.NONE:
            return None
        key = _secrets(env.secrets_prefix).get("signing")["callback_key"]
        secret = callback_secret(key, attempt.attempt_id)
        return callback_url(env.public_url, attempt.vendor, attempt.attempt_id, secret)

    return url
