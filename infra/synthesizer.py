"""Who deploys a stack: the bootstrap roles in the cloud, the caller itself on the laptop."""

from __future__ import annotations

from aws_cdk import CliCredentialsStackSynthesizer, DefaultStackSynthesizer, IStackSynthesizer

from infra.stage import StageConfig


def synthesizer(stage: StageConfig) -> IStackSynthesizer:
    """Return a synthesizer of its own for one stack.

    On the emulator the caller's credentials do everything: it needs no bootstrap stack, only a
    bucket of the usual name.
    """
    if stage.on_host:
        return CliCredentialsStackSynthesizer()
    return DefaultStackSynthesizer()
