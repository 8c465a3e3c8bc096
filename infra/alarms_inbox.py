"""Alarms on the drop folder's net: nobody who drops a file waits for an answer, or complains."""

from __future__ import annotations

from collections.abc import Iterator

from aws_cdk import Duration

from infra.alarm import WARNING, Alarm
from infra.metrics import OwnMetrics
from infra.python_function import PythonFunction

_PERIOD = Duration.minutes(5)
_SILENT_PERIODS = 2
_TRIED_MINUTES = 15
"""How long a file that could not be looked after is put off: see `dailies.services.sweep_inbox`."""


def inbox_alarms(metrics: OwnMetrics, sweep_inbox: PythonFunction) -> Iterator[Alarm]:
    """Watch whether files are looked after whose event was lost, or that wait for something."""
    yield Alarm(
        name="inbox-sweeper-silent",
        level=WARNING,
        text=(
            "The drop folder's sweeper has not run for ten minutes: files that wait for a sidecar "
            "get no answer, and lost events are not made up for. Look at its schedule."
        ),
        section="drop-folder",
        metric=sweep_inbox.function.metric_invocations(period=_PERIOD, statistic="Sum"),
        below=True,
        bad=_SILENT_PERIODS,
        of=_SILENT_PERIODS,
        silence_is_bad=True,
    )
    yield Alarm(
        name="inbox-stuck-arrivals",
        level=WARNING,
        text=(
            "A dropped file could not be looked after, twice in a row: it has neither a job nor a "
            "problem file. It is tried every 15 minutes. The sweeper's log has the reason."
        ),
        section="drop-folder",
        metric=metrics.plain("StuckArrivals", "Sum", minutes=_TRIED_MINUTES),
        bad=2,
        of=3,
    )
