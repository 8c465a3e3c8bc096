"""The states of the workflow."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import TYPE_CHECKING

from dailies import settings
from dailies.adapters.aws_clients import client
from dailies.bootstrap import parts
from dailies.domain.attempts import Attempt
from dailies.domain.catalogue import CallbackKind, load_catalogue
from dailies.services.recording import LedgerPorts

if TYPE_CHECKING:
    from dailies.providers import Registry
    from dailies.services.poll import PollPorts
    from dailies.services.probe import ProbePorts
    from dailies.services.resolve import ResolvePorts
    from dailies.services.store import StorePorts
    from dailies.services.submit import SubmitPorts


@cache
def plan() -> LedgerPorts:
    """For Plan."""
    return parts.ledger_ports()


settle = notify = fail = plan


@cache
def submit() -> SubmitPorts:
    """For Submit."""
    from dailies.adapters.dynamodb_latency import DynamoDbLatency
    from dailies.adapters.dynamodb_spend_cap import DynamoDbSpendCap
    from dailies.services.generation_request import RequestBuilder
    from dailies.services.submit import SubmitPorts

    env = settings.SubmitSettings.read()
    ledger, clock, catalogue = parts.ledger(env.table_name), parts.clock(), load_catalogue()
    return SubmitPorts(
        ledger=ledger,
        providers=_vendors(env),
        catalogue=catalogue,
        clock=clock,
        stats=DynamoDbLatency(env.table_name, client("dynamodb"), clock),
        request_for=RequestBuilder(ledger, catalogue, lambda: parts.media(env.media_bucket)),
        callback_url=_callback_url(env),
        cap=DynamoDbSpendCap(env.table_name, client("dynamodb"), env.spend_caps),
    )


@cache
def resolve() -> ResolvePorts:
    """For Resolve."""
    from dailies.services.resolve import ResolvePorts

    env = settings.VendorSettings.read()
    return ResolvePorts(
        ledger=parts.ledger(env.table_name),
        providers=_vendors(env),
        catalogue=load_catalogue(),
        clock=parts.clock(),
        callback_url=_callback_url(env),
    )


@cache
def poll() -> PollPorts:
    """For Poll."""
    from dailies.adapters.dynamodb_latency import DynamoDbLatency
    from dailies.services.poll import PollPorts

    env = settings.VendorSettings.read()
    clock = parts.clock()
    return PollPorts(
        ledger=parts.ledger(env.table_name),
        providers=_vendors(env),
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
        ledger=parts.ledger(env.table_name),
        clock=parts.clock(),
        catalogue=load_catalogue(),
        providers=parts.providers(env.secrets_prefix, env.provider_endpoints),
        fetcher=GuardedFetcher(frozenset(env.outbound_allow)),
        media=parts.media(env.media_bucket),
    )


@cache
def probe() -> ProbePorts:
    """For Probe."""
    from dailies.adapters.inspect_media import AvInspector
    from dailies.services.probe import ProbePorts

    env = settings.ProbeSettings.read()
    media = parts.media(env.media_bucket)
    return ProbePorts(
        ledger=parts.ledger(env.table_name),
        clock=parts.clock(),
        catalogue=load_catalogue(),
        media=media,
        inspector=AvInspector(media),
    )


def _vendors(env: settings.VendorSettings) -> Registry:
    """Return the vendors, with the connection pools that every call uses."""
    registry = parts.providers(env.secrets_prefix, env.provider_endpoints)
    registry.open()
    return registry


def _callback_url(env: settings.VendorSettings) -> Callable[[Attempt], str | None]:
    from dailies.domain.signing import callback_secret, callback_url

    def url(attempt: Attempt) -> str | None:
        vendor = load_catalogue().vendor(attempt.vendor)
        if not env.public_url or vendor.callbacks is CallbackKind.NONE:
            return None
        key = parts.secrets(env.secrets_prefix).get("signing")["callback_key"]
        secret = callback_secret(key, attempt.attempt_id)
        return callback_url(env.public_url, attempt.vendor, attempt.attempt_id, secret)

    return url
