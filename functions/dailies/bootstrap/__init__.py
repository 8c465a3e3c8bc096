"""The composition root: from settings to ports. The only place that picks adapters.

One function per handler, each built once per process. Imports stand inside them, so that a function
pays only for what it uses; on Lambda all of it happens in INIT, which has a whole CPU whatever the
function's memory.
"""

import gc

from dailies import settings
from dailies.bootstrap.edges import (
    ApiPorts,
    AuthorizePorts,
    CallbackPorts,
    api,
    authorize,
    provider_callback,
)
from dailies.bootstrap.enhancement import check, enhance, record_progress, take_enhanced
from dailies.bootstrap.inbox import deliver_outbox, ingest_upload, sweep_inbox
from dailies.bootstrap.sinks import (
    alert_chat,
    announce,
    deliver_webhook,
    publish,
    send_email,
    start_webhook,
)
from dailies.bootstrap.steps import fail, notify, plan, poll, probe, resolve, settle, store, submit
from dailies.bootstrap.watch import SweeperPorts, execution_ended, sweep
from dailies.bootstrap.workers import fail_task, finish_task, lease_task, queue_task, read_report

__all__ = [
    "ApiPorts",
    "AuthorizePorts",
    "CallbackPorts",
    "SweeperPorts",
    "alert_chat",
    "announce",
    "api",
    "authorize",
    "check",
    "deliver_outbox",
    "deliver_webhook",
    "enhance",
    "execution_ended",
    "fail",
    "fail_task",
    "finish_task",
    "ingest_upload",
    "lease_task",
    "notify",
    "plan",
    "poll",
    "probe",
    "provider_callback",
    "publish",
    "queue_task",
    "read_report",
    "record_progress",
    "resolve",
    "send_email",
    "settle",
    "start_webhook",
    "store",
    "submit",
    "sweep",
    "sweep_inbox",
    "take_enhanced",
    "warm",
]


def warm() -> None:
    """Build what every call of the running function uses. Does nothing outside Lambda."""
    name = settings.running_handler()
    if name is not None:
        globals()[name]()
        gc.freeze()  # what is built now stays: no collection need ever go through it
