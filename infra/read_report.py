"""The last step of every compute: a task's report is the truth."""

from __future__ import annotations

from constructs import Construct

from infra import grants as to
from infra.environment import Environment, PipelineParts
from infra.media_bucket import ENHANCE
from infra.python_function import PythonFunction

_READ_S = 30
_MEMORY_MB = 256


def build_read_report(scope: Construct, parts: PipelineParts) -> PythonFunction:
    """Build `ReadReport`, which reads what tasks leave and nothing else."""
    return PythonFunction(
        scope,
        "ReadReport",
        sources=parts.sources,
        timeout_s=_READ_S,
        memory_mb=_MEMORY_MB,
        environment=Environment(parts).bucket,
        grants=[
            to.read_objects(parts.bucket, ENHANCE),
            to.tell_missing_objects(parts.bucket),
        ],
    )
