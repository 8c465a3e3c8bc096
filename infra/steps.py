"""The functions of the workflow `generate`: one per state, each with only what it needs."""

from __future__ import annotations

from constructs import Construct

from infra import grants as to
from infra.environment import Environment, PipelineParts, merge
from infra.grants import Grant
from infra.media_bucket import ENHANCE, OUTPUTS, POSTERS, UPLOADS
from infra.python_function import PythonFunction
from infra.state_machine import StateMachine

_STEP_S = 30
_VENDOR_CALL_S = 90
_HOLDING_POLL_S = 90
"""A poll holds for up to 60 s, then finishes the question that it is asking."""

_STORE_S = 900
_PROBE_S = 300
_CHECK_S = 130
_SMALL_MB = 256
_STORE_MB = 512
_DECODE_MB = 1769
"""One whole processor: decoding is arithmetic."""


class Steps(Construct):
    """One function per state of the workflow that calls one.

    `enhancement` is the workflow that carries out one task of enhancement.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        parts: PipelineParts,
        enhancement: StateMachine,
    ) -> None:
        super().__init__(scope, construct_id)
        self._parts = parts
        self._enhancement = enhancement
        self._env = Environment(parts)
        self._ledger = (to.read_rows(parts.table), to.write_rows(parts.table))
        self.plan = self._build_ledger_step("Plan")
        self.submit = self._build_submit()
        self.resolve = self._build_resolve()
        self.poll = self._build_poll()
        self.store = self._build_store()
        self.probe = self._build_decoder("Probe", _PROBE_S, to.put_objects(parts.bucket, POSTERS))
        self.check = self._build_decoder(
            "Check",
            _CHECK_S,
            to.read_objects(parts.bucket, UPLOADS),
            to.tell_missing_objects(parts.bucket),
        )
        self.enhance = self._build_enhance()
        self.take_enhanced = self._build_take_enhanced()
        self.settle = self._build_ledger_step("Settle")
        self.notify = self._build_ledger_step("Notify")
        self.fail = self._build_ledger_step("Fail")

    @property
    def all(self) -> list[PythonFunction]:
        """Every function that the workflow calls."""
        return [child for child in self.node.children if isinstance(child, PythonFunction)]

    def _build_ledger_step(self, name: str) -> PythonFunction:
        """Build a step that reads and writes the ledger, and nothing else."""
        return PythonFunction(
            self,
            name,
            sources=self._parts.sources,
            timeout_s=_STEP_S,
            memory_mb=_SMALL_MB,
            environment=self._env.table,
            grants=self._ledger,
        )

    def _build_submit(self) -> PythonFunction:
        env, parts = self._env, self._parts
        return PythonFunction(
            self,
            "Submit",
            sources=parts.sources,
            timeout_s=_VENDOR_CALL_S,
            memory_mb=_SMALL_MB,
            environment=merge(env.table, env.bucket, env.vendors, env.public_url, env.spend_caps),
            grants=[
                *self._ledger,
                to.read_objects(parts.bucket, UPLOADS),
                to.read_objects(parts.bucket, OUTPUTS),
                to.tell_missing_objects(parts.bucket),
                to.read_vendor_secrets(self, parts.stage),
                to.read_signing_secret(self, parts.stage),
            ],
        )

    def _build_resolve(self) -> PythonFunction:
        env, parts = self._env, self._parts
        return PythonFunction(
            self,
            "Resolve",
            sources=parts.sources,
            timeout_s=_VENDOR_CALL_S,
            memory_mb=_SMALL_MB,
            environment=merge(env.table, env.vendors, env.public_url),
            grants=[
                *self._ledger,
                to.read_vendor_secrets(self, parts.stage),
                to.read_signing_secret(self, parts.stage),
            ],
        )

    def _build_poll(self) -> PythonFunction:
        env, parts = self._env, self._parts
        return PythonFunction(
            self,
            "Poll",
            sources=parts.sources,
            timeout_s=_HOLDING_POLL_S,
            memory_mb=_SMALL_MB,
            environment=merge(env.table, env.vendors, env.public_url),
            grants=[*self._ledger, to.read_vendor_secrets(self, parts.stage)],
            reserved_concurrency=parts.stage.poll_reserved_concurrency,
        )

    def _build_store(self) -> PythonFunction:
        env, parts = self._env, self._parts
        return PythonFunction(
            self,
            "Store",
            sources=parts.sources,
            timeout_s=_STORE_S,
            memory_mb=_STORE_MB,
            environment=merge(env.table, env.bucket, env.vendors, env.outbound),
            grants=[
                *self._ledger,
                to.read_objects(parts.bucket, OUTPUTS),
                to.write_objects(parts.bucket, OUTPUTS),
                to.tell_missing_objects(parts.bucket),
                to.read_vendor_secrets(self, parts.stage),
            ],
        )

    def _build_decoder(self, name: str, timeout_s: int, *grants: Grant) -> PythonFunction:
        """Build a step that decodes strangers' bytes: no secret, and videos are all it reads."""
        env, parts = self._env, self._parts
        return PythonFunction(
            self,
            name,
            sources=parts.sources,
            timeout_s=timeout_s,
            memory_mb=_DECODE_MB,
            environment=merge(env.table, env.bucket),
            grants=[
                *self._ledger,
                to.read_objects(parts.bucket, OUTPUTS),
                *grants,
            ],
            decodes_media=True,
        )

    def _build_enhance(self) -> PythonFunction:
        env, parts = self._env, self._parts
        return PythonFunction(
            self,
            "Enhance",
            sources=parts.sources,
            timeout_s=_STEP_S,
            memory_mb=_SMALL_MB,
            environment=merge(env.table, env.bucket),
            grants=[
                *self._ledger,
                to.read_objects(parts.bucket, OUTPUTS),
                to.read_objects(parts.bucket, UPLOADS),
                to.put_objects(parts.bucket, ENHANCE),
                to.tell_missing_objects(parts.bucket),
            ],
        )

    def _build_take_enhanced(self) -> PythonFunction:
        env, parts = self._env, self._parts
        return PythonFunction(
            self,
            "TakeEnhanced",
            sources=parts.sources,
            timeout_s=_STEP_S,
            memory_mb=_SMALL_MB,
            environment=merge(env.table, env.bucket, env.compute(self._enhancement.start_arn)),
            grants=[
                *self._ledger,
                to.read_objects(parts.bucket, ENHANCE),
                to.read_objects(parts.bucket, OUTPUTS),
                to.tell_missing_objects(parts.bucket),
                to.watch_executions(self._enhancement.execution_arns),
            ],
        )
