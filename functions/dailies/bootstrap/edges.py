"""What is called from outside: the API, its authorizer, vendors' callbacks."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

from dailies import settings
from dailies.adapters.aws_clients import client
from dailies.bootstrap import parts
from dailies.domain.catalogue import Catalogue, load_catalogue

if TYPE_CHECKING:
    from collections.abc import Callable

    from dailies.domain.access import Keys, Links
    from dailies.domain.compute_prices import ComputeKind, ComputePrices
    from dailies.domain.ids import NewId
    from dailies.domain.ports import (
        Clock,
        Compute,
        Ledger,
        MediaStore,
        Providers,
        Secrets,
        Workflow,
    )


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
    check_webhook: Callable[[str], None]
    """Raises FetchRefusedError for an address that no webhook can be delivered to."""
    compute: Compute
    compute_kind: ComputeKind
    compute_prices: ComputePrices


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


@cache
def api() -> ApiPorts:
    """For the HTTP API."""
    from dailies.adapters.dynamodb_links import DynamoDbLinks
    from dailies.adapters.webhook_addresses import webhook_check
    from dailies.domain.compute_prices import load_compute_prices
    from dailies.domain.ids import new_id

    env = settings.ApiSettings.read()
    return ApiPorts(
        ledger=parts.ledger(env.table_name),
        workflow=parts.workflow(env.state_machine_arn),
        media=parts.media(env.media_bucket),
        links=DynamoDbLinks(env.table_name, client("dynamodb")),
        catalogue=load_catalogue().without(env.withheld_vendors),
        clock=parts.clock(),
        new_id=new_id,
        check_webhook=webhook_check(env.outbound_allow),
        compute=parts.compute(env.enhance_state_machine_arn),
        compute_kind=env.enhance_compute,
        compute_prices=load_compute_prices(),
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
        ledger=parts.ledger(env.table_name),
        providers=parts.providers(env.secrets_prefix, env.provider_endpoints),
        secrets=parts.secrets(env.secrets_prefix),
        workflow=parts.workflow(env.state_machine_arn),
        catalogue=load_catalogue(),
        public_url=env.public_url,
    )
