"""One try at telling a sink, guarded by the delivery log.

A duplicate of a message tells nobody twice.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Generator
from contextlib import contextmanager

from dailies.domain.deliveries import DELIVERED, SENDING, Delivery, DeliveryRef
from dailies.domain.errors import ConflictError, DeliveryRefusedError, PipelineError
from dailies.domain.events import Event
from dailies.domain.jobs import Job
from dailies.domain.ports import Clock, Ledger

LEASE = dt.timedelta(seconds=60)
"""After this long a try without an end is taken for dead: longer than the functions' timeouts."""


def load_event(ref: DeliveryRef, ledger: Ledger) -> tuple[Event, Job]:
    """Return the event that a reference names, with its job as it is now.

    Raises:
        DeliveryRefusedError: the ledger has no such event.
    """
    job = ledger.job(ref.job_id)
    event = next(iter(ledger.events(ref.job_id, after=ref.seq - 1, limit=1)), None)
    if job is None or event is None or event.event_id != ref.event_id:
        raise DeliveryRefusedError(f"The ledger has no event {ref.event_id}.")
    return event, job


def tries(ref: DeliveryRef, sink: str, ledger: Ledger) -> tuple[Delivery, ...]:
    """Return the tries made so far to tell an event to a sink."""
    return tuple(
        d for d in ledger.deliveries(ref.job_id) if (d.event_id, d.sink) == (ref.event_id, sink)
    )


@contextmanager
def single_try(
    ref: DeliveryRef, sink: str, *, ledger: Ledger, clock: Clock
) -> Generator[bool, None, None]:
    """Give the body the right to make one try; its value is False when the sink was told already.

    The line is written before the body runs and closed after it: a crash in between repeats the
    try after the lease (at least once), and nothing else does.

    Raises:
        ConflictError: another try is under way.
    """
    earlier = tries(ref, sink, ledger)
    if any(t.outcome == DELIVERED for t in earlier):
        yield False
        return
    now = clock.now()
    delivery = Delivery(
        job_id=ref.job_id,
        event_id=ref.event_id,
        sink=sink,
        attempt=1 + max((t.attempt for t in earlier), default=0),
        at=now,
        outcome=SENDING,
    )
    under_way = any(t.outcome == SENDING and now - t.at < LEASE for t in earlier)
    if under_way or not ledger.begin_delivery(delivery):
        raise ConflictError(f"Another try of {ref.event_id} is under way.")
    started = clock.monotonic()
    outcome = "error"
    try:
        yield True
        outcome = DELIVERED
    except PipelineError as exc:
        outcome = exc.code
        raise
    finally:
        duration_ms = round((clock.monotonic() - started) * 1000)
        closed = {"outcome": outcome, "duration_ms": duration_ms}
        ledger.record_delivery(delivery.model_copy(update=closed))
