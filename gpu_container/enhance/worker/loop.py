"""What a worker does with a message: claim, work, say how it ended; or leave it to others."""

from __future__ import annotations

import logging
import signal
from dataclasses import dataclass
from typing import Protocol

from enhance.exits import ExitCode
from enhance.worker.cloud import Cloud, CloudError, DeniedError, Message, RefusedError
from enhance.worker.heartbeat import Heartbeat
from enhance.worker.stop import Stop, StoppedError

_LOG = logging.getLogger("enhance.worker")
_CRASHES = frozenset({signal.SIGSEGV, signal.SIGBUS, signal.SIGILL, signal.SIGFPE, signal.SIGABRT})
"""What a decoder does to a process when it meets a file that it cannot bear."""
_RETRY_S = 15
"""A task that could not be carried out here and now is another worker's so much later."""
_NOT_FINAL = frozenset({"storage_failed"})
"""Words of reports that tell of this machine and this moment, not of the task."""
_PATIENCE_S = (1.0, 2.0, 4.0, 8.0, 16.0)


@dataclass(frozen=True, slots=True)
class Ending:
    """How the child process ended."""

    status: int
    """Exit status; negative: the signal that ended it."""
    code: str = ""
    """The report's word, where the child said one."""
    reported: bool = False
    """Whether its report is stored."""


class Runner(Protocol):
    """Carries out tasks, one at a time."""

    def run(self, message: Message, lease: Heartbeat, stop: Stop) -> Ending:
        """Work on a task until it ends, the lease is lost, or a stop is asked for."""
        ...

    def report_crash(self, message: Message, lease: Heartbeat, ending: Ending) -> bool:
        """Write the report that a child could not write; returns whether that worked."""
        ...


class Worker:
    """One task at a time, for ever or once."""

    def __init__(self, cloud: Cloud, runner: Runner, stop: Stop) -> None:
        self._cloud = cloud
        self._runner = runner
        self._stop = stop

    def serve(self, *, once: bool = False) -> None:
        """Handle messages until stopped; with `once` at most one, waiting a while for it.

        Raises:
            DeniedError: the credentials do not allow to receive.
        """
        failures = 0
        while not self._stop.requested:
            try:
                with self._stop.breaks_off():
                    message = self._cloud.receive()
                failures = 0
            except StoppedError:
                return
            except DeniedError:
                raise
            except CloudError as error:
                _LOG.warning("%s", error)
                self._stop.wait(_PATIENCE_S[min(failures, len(_PATIENCE_S) - 1)])
                failures += 1
                continue
            if message is not None:
                self._handle_safely(message)
            if once:
                return

    def _handle_safely(self, message: Message) -> None:
        try:
            self.handle(message)
        except RefusedError as error:
            # Not a task of ours: after some more tries it is a dead letter, for a person to see.
            _LOG.error("A message that is no task: %s", error)
        except CloudError as error:
            _LOG.warning("The message is left to come again: %s", error)

    def handle(self, message: Message) -> None:
        """Do what the message asks."""
        claim = self._cloud.lease(message, "claim")
        match claim.state:
            case "leased":
                self._work(message, Heartbeat(self._cloud, message, claim))
            case "gone":
                _LOG.info("%s: nobody needs it any more", message.task_id)
                self._cloud.delete(message)
            case _:
                _LOG.info("%s: %s, for %d s", message.task_id, claim.state, claim.wait_s)
                self._cloud.hide(message, claim.wait_s)

    def _work(self, message: Message, lease: Heartbeat) -> None:
        _LOG.info("%s: begun (received %d times)", message.task_id, message.receives)
        with lease:
            ending = self._runner.run(message, lease, self._stop)
            outcome = None
            if not lease.lost.is_set():
                outcome = self._outcome(message, lease, ending)
            if outcome is not None:
                self._finish(message, outcome)
        if outcome is not None:
            return
        if lease.lost.is_set():
            _LOG.warning("%s: it is no longer ours", message.task_id)
            if lease.gone:
                self._cloud.delete(message)
        else:  # only now: a renewal after it would take the task back
            self._give_back(message, ending)

    def _outcome(self, message: Message, lease: Heartbeat, ending: Ending) -> str | None:
        """Return the final word, or None where another try may do better."""
        if ending.status < 0 and -ending.status in _CRASHES:
            crashed = self._runner.report_crash(message, lease, ending)
            return ExitCode.INTERNAL.outcome if crashed else None
        final = {int(code) for code in ExitCode if not code.retryable}
        if ending.status not in final or ending.code in _NOT_FINAL or not ending.reported:
            return None
        return ExitCode(ending.status).outcome

    def _finish(self, message: Message, outcome: str) -> None:
        """Say how it ended, and delete the message only once that has been heard."""
        _LOG.info("%s: %s", message.task_id, outcome)
        if self._heard(message, outcome) != "taken":
            self._cloud.delete(message)

    def _heard(self, message: Message, outcome: str) -> str:
        """Ask until there is an answer: asking twice is harmless, and the result is worth it."""
        for pause in _PATIENCE_S:
            try:
                return self._cloud.finish(message, outcome)
            except RefusedError:
                raise
            except CloudError as error:
                _LOG.warning("%s: %s", message.task_id, error)
                self._stop.wait(pause)
        return self._cloud.finish(message, outcome)

    def _give_back(self, message: Message, ending: Ending) -> None:
        stopped = ending.status == ExitCode.INTERRUPTED or self._stop.requested
        _LOG.info("%s: given back (status %d)", message.task_id, ending.status)
        self._cloud.lease(message, "release")
        self._cloud.hide(message, 0 if stopped else _RETRY_S)
