"""What each function reads from its environment; `tests/infra` holds the template to it."""

from __future__ import annotations

import os
from decimal import Decimal
from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Json, ValidationError

from dailies.domain.errors import ConfigurationError

_HANDLERS = "dailies.handlers."
Compute = Literal["batch", "sagemaker", "workers"]
"""What carries out a stage's enhancements: each has prices of its own."""


class Settings(BaseModel):
    """The environment of one function. A field's variable is its name in capitals."""

    # Built when read: a function pays for the one model that is its own.
    model_config = ConfigDict(frozen=True, extra="forbid", defer_build=True)

    powertools_metrics_namespace: str = "Dailies"
    """Where metrics are written; read by Powertools itself. Differs by stage."""

    @classmethod
    def read(cls) -> Self:
        """Return the settings.

        Raises:
            ConfigurationError: a variable is missing or malformed; the message names it.
        """
        values = {f: os.environ[f.upper()] for f in cls.model_fields if f.upper() in os.environ}
        try:
            return cls.model_validate(values)
        except ValidationError as exc:
            names = sorted({str(e["loc"][0]).upper() for e in exc.errors()})
            raise ConfigurationError(
                f"Set these variables of the function: {', '.join(names)}."
            ) from exc

    @classmethod
    def variables(cls) -> frozenset[str]:
        """Return the names of the variables."""
        return frozenset(f.upper() for f in cls.model_fields)


class LedgerSettings(Settings):
    """Functions that only read and write the ledger: Plan, Settle, Notify, Fail, Authorize."""

    table_name: str


class VendorSettings(LedgerSettings):
    """Functions that call vendors."""

    secrets_prefix: str
    """Secrets are named `<prefix>/providers/<vendor>`."""
    provider_endpoints: Json[dict[str, str]]
    """Base URLs that differ from the vendors' own, by endpoint name."""
    public_url: str
    """Base URL of the HTTP API; empty where vendors cannot reach it."""


class SubmitSettings(VendorSettings):
    """Submit also reads a job's input images."""

    media_bucket: str
    spend_caps: Json[dict[str, Decimal]]
    """What may be ordered at a vendor in all, in US dollars; one that is left out has no cap."""


class StoreSettings(LedgerSettings):
    """Store fetches from vendors, and writes to the bucket."""

    secrets_prefix: str
    provider_endpoints: Json[dict[str, str]]
    media_bucket: str
    outbound_allow: Json[list[str]]
    """`host:port` pairs that are not public and may be fetched from: a laptop's simulators."""


class ProbeSettings(LedgerSettings):
    """Probe decodes hostile bytes: no secrets here."""

    media_bucket: str


class CheckSettings(LedgerSettings):
    """Check decodes hostile bytes, as Probe does: no secrets here."""

    media_bucket: str


class EnhanceSettings(LedgerSettings):
    """Enhance writes a task's spec."""

    media_bucket: str


class TakeEnhancedSettings(LedgerSettings):
    """TakeEnhanced reads a task's report, and stops a task that nobody wants any more."""

    media_bucket: str
    enhance_state_machine_arn: str
    enhance_compute: Compute


class RecordProgressSettings(LedgerSettings):
    """Progress of tasks, as the bucket tells of it."""

    media_bucket: str


class QueueTaskSettings(LedgerSettings):
    """QueueTask reads a task's spec and tells the workers."""

    media_bucket: str
    worker_queue_url: str


class LeaseTaskSettings(LedgerSettings):
    """LeaseTask signs URLs for a task's objects."""

    media_bucket: str
    lease_s: int
    max_receives: int
    """Of the workers' queue, before a message is a dead letter."""
    unsuited_s: int
    """For how long a worker without a GPU leaves a task that demands one to others."""


class ReadReportSettings(Settings):
    """ReadReport reads the report that a task leaves."""

    media_bucket: str


class ApiSettings(LedgerSettings):
    """The HTTP API."""

    media_bucket: str
    state_machine_arn: str
    enhance_state_machine_arn: str
    """Of the nested executions, which a cancel stops."""
    enhance_compute: Compute
    withheld_vendors: Json[list[str]]
    """Vendors of the catalogue that this stage does not offer."""
    outbound_allow: Json[list[str]]
    """`host:port` pairs that are not public and take webhooks: a laptop's receivers."""


class CallbackSettings(LedgerSettings):
    """Vendors' callbacks."""

    secrets_prefix: str
    provider_endpoints: Json[dict[str, str]]
    public_url: str
    state_machine_arn: str


class SweepSettings(LedgerSettings):
    """The sweeper."""

    state_machine_arn: str
    enhance_state_machine_arn: str
    event_bus_name: str


class ExecutionEndedSettings(LedgerSettings):
    """The catch-all rule."""

    state_machine_arn: str
    enhance_state_machine_arn: str


class PublishSettings(LedgerSettings):
    """The outbox's reader."""

    event_bus_name: str


class StartWebhookSettings(Settings):
    """Starts a delivery."""

    webhook_state_machine_arn: str


class DeliverWebhookSettings(LedgerSettings):
    """One try of one delivery."""

    secrets_prefix: str
    outbound_allow: Json[list[str]]


class SendEmailSettings(LedgerSettings):
    """Emails."""

    media_bucket: str
    sender: str
    public_url: str


class AnnounceSettings(LedgerSettings):
    """The SNS topic."""

    topic_arn: str


class InboxSettings(LedgerSettings):
    """The drop folder: IngestUpload and SweepInbox."""

    media_bucket: str
    state_machine_arn: str
    inbox_queue_url: str
    withheld_vendors: Json[list[str]]
    """Vendors of the catalogue that this stage does not offer."""
    inbox_daily_cap_usd: Decimal
    """What a tenant's dropped files may cost in a day."""


class DeliverOutboxSettings(LedgerSettings):
    """The outbox."""

    media_bucket: str


class AlertChatSettings(Settings):
    """Alarms in a chat."""

    secrets_prefix: str
    outbound_allow: Json[list[str]]
    chat_secret: str
    """Name, after the prefix, of the secret with the chat's webhook."""


OF_HANDLER: dict[str, type[Settings]] = {
    "plan": LedgerSettings,
    "submit": SubmitSettings,
    "resolve": VendorSettings,
    "poll": VendorSettings,
    "store": StoreSettings,
    "probe": ProbeSettings,
    "check": CheckSettings,
    "enhance": EnhanceSettings,
    "take_enhanced": TakeEnhancedSettings,
    "record_progress": RecordProgressSettings,
    "queue_task": QueueTaskSettings,
    "lease_task": LeaseTaskSettings,
    "finish_task": LedgerSettings,
    "fail_task": LedgerSettings,
    "read_report": ReadReportSettings,
    "settle": LedgerSettings,
    "notify": LedgerSettings,
    "fail": LedgerSettings,
    "api": ApiSettings,
    "authorize": LedgerSettings,
    "provider_callback": CallbackSettings,
    "publish": PublishSettings,
    "start_webhook": StartWebhookSettings,
    "deliver_webhook": DeliverWebhookSettings,
    "send_email": SendEmailSettings,
    "announce": AnnounceSettings,
    "alert_chat": AlertChatSettings,
    "sweep": SweepSettings,
    "execution_ended": ExecutionEndedSettings,
    "ingest_upload": InboxSettings,
    "sweep_inbox": InboxSettings,
    "deliver_outbox": DeliverOutboxSettings,
}
"""Settings by handler module."""


def running_handler() -> str | None:
    """Return the handler module that this Lambda environment runs; None outside Lambda."""
    name = os.environ.get("_HANDLER", "")
    return name.removeprefix(_HANDLERS).split(".")[0] if name.startswith(_HANDLERS) else None
