"""The function that repeats alarms in a chat."""

from __future__ import annotations

from aws_cdk import aws_sqs as sqs
from constructs import Construct

from infra import grants as to
from infra.environment import Environment, PipelineParts, merge
from infra.python_function import PythonFunction

_TIMEOUT_S = 30
_MEMORY_MB = 256


def build_alert_chat(
    scope: Construct, parts: PipelineParts, *, secret: str, dead_letters: sqs.IQueue
) -> PythonFunction:
    """Create `AlertChat`, which may read one secret and reach the public internet."""
    env = Environment(parts)
    return PythonFunction(
        scope,
        "AlertChat",
        sources=parts.sources,
        timeout_s=_TIMEOUT_S,
        memory_mb=_MEMORY_MB,
        environment=merge(env.secrets, env.outbound, {"CHAT_SECRET": secret}),
        grants=[to.read_secret(scope, parts.stage, secret)],
        dead_letters=dead_letters,
    )
