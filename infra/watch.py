"""The functions that look after executions from outside: Sweep and ExecutionEnded."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from aws_cdk import aws_events as events
from constructs import Construct

from infra import grants as to
from infra.dead_letter_queue import build_dead_letter_queue
from infra.environment import Environment, PipelineParts, enhancement_arn, merge
from infra.execution_rule import ExecutionRule
from infra.grants import Grant
from infra.python_function import PythonFunction
from infra.state_machine import StateMachine
from infra.sweeper import Sweeper

_SWEEP_S = 55
"""Less than the minute between two sweeps."""

_ENDED_S = 30
_MEMORY_MB = 256


class Watch(Construct):
    """Find runs that died or never started, and events that nobody published."""

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        parts: PipelineParts,
        workflow: StateMachine,
        enhancement: StateMachine,
        bus: events.IEventBus,
    ) -> None:
        super().__init__(scope, construct_id)
        self._parts = parts
        self._workflow = workflow
        self._enhancement = enhancement
        self.dead_letters = build_dead_letter_queue(self, "DeadLetters", stage=parts.stage)
        bus_name = {"EVENT_BUS_NAME": bus.event_bus_name}
        lists = [to.list_due(parts.table), to.put_events(bus)]
        self.sweep = self._build("Sweep", _SWEEP_S, bus_name, lists)
        self.execution_ended = self._build("ExecutionEnded", _ENDED_S)
        Sweeper(
            self,
            "Sweeper",
            stage=parts.stage,
            sweep=self.sweep,
            dead_letters=self.dead_letters,
        )
        ExecutionRule(
            self,
            "Executions",
            workflow=workflow,
            execution_ended=self.execution_ended,
            dead_letters=self.dead_letters,
        )

    def _build(
        self,
        name: str,
        timeout_s: int,
        variables: Mapping[str, str] | None = None,
        grants: Sequence[Grant] = (),
    ) -> PythonFunction:
        """Build a function that looks after jobs: it reads the ledger and steers executions."""
        parts, machine, enhancement = self._parts, self._workflow, self._enhancement
        arns = {"STATE_MACHINE_ARN": machine.start_arn} | enhancement_arn(enhancement.start_arn)
        return PythonFunction(
            self,
            name,
            sources=parts.sources,
            timeout_s=timeout_s,
            memory_mb=_MEMORY_MB,
            environment=merge(Environment(parts).table, arns, variables or {}),
            grants=[
                to.read_rows(parts.table),
                to.write_rows(parts.table),
                to.start_executions(machine.start_arn),
                to.watch_executions(machine.execution_arns),
                to.watch_executions(enhancement.execution_arns),
                *grants,
            ],
            dead_letters=self.dead_letters,
        )
