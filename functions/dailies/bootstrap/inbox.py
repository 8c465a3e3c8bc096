"""The drop folder."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

from dailies import settings
from dailies.adapters.aws_clients import client
from dailies.bootstrap import parts
from dailies.domain.catalogue import load_catalogue

if TYPE_CHECKING:
    from dailies.services.deliver_outbox import OutboxPorts
    from dailies.services.start_arrival import InboxPorts


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
        ledger=parts.ledger(env.table_name),
        workflow=parts.workflow(env.state_machine_arn),
        catalogue=load_catalogue().without(env.withheld_vendors),
        clock=parts.clock(),
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
        ledger=parts.ledger(env.table_name),
        clock=parts.clock(),
    )
