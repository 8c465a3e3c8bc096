"""What tells others: the outbox and its sinks."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

from dailies import settings
from dailies.adapters.aws_clients import client
from dailies.bootstrap import parts

if TYPE_CHECKING:
    from dailies.adapters.stepfunctions_workflow import (
        StepFunctionsDeliveryWorkflow,
    )
    from dailies.services.alert_chat import AlertChatPorts
    from dailies.services.announce import AnnouncePorts
    from dailies.services.deliver_webhook import DeliverWebhookPorts
    from dailies.services.publish import PublishPorts
    from dailies.services.send_email import SendEmailPorts


@cache
def publish() -> PublishPorts:
    """For the outbox's reader."""
    from dailies.services.publish import PublishPorts

    env = settings.PublishSettings.read()
    return PublishPorts(ledger=parts.ledger(env.table_name), bus=parts.bus(env.event_bus_name))


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
        ledger=parts.ledger(env.table_name),
        endpoints=DynamoDbEndpoints(env.table_name, client("dynamodb")),
        poster=GuardedPoster(frozenset(env.outbound_allow)),
        secrets=parts.secrets(env.secrets_prefix),
        clock=parts.clock(),
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
    links, clock = DynamoDbLinks(env.table_name, client("dynamodb")), parts.clock()

    def link(asset_id: str, tenant: str) -> str:
        token = create_link(
            asset_id, tenant=tenant, links=links, clock=clock, random_token=token_urlsafe
        )
        return f"{env.public_url.rstrip('/')}/v1/links/{token}"

    return SendEmailPorts(
        ledger=parts.ledger(env.table_name),
        media=parts.media(env.media_bucket),
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
        ledger=parts.ledger(env.table_name),
        topic=SnsTopic(client("sns"), env.topic_arn),
        clock=parts.clock(),
    )


@cache
def alert_chat() -> AlertChatPorts:
    """For the operators' chat."""
    from dailies.adapters.guarded_post import GuardedPoster
    from dailies.services.alert_chat import AlertChatPorts

    env = settings.AlertChatSettings.read()
    return AlertChatPorts(
        poster=GuardedPoster(frozenset(env.outbound_allow)),
        secrets=parts.secrets(env.secrets_prefix),
        secret_name=env.chat_secret,
    )
