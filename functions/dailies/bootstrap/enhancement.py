"""What checks, enhances and takes in: the last states before a job is settled."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

from dailies import settings
from dailies.adapters.aws_clients import client
from dailies.bootstrap import parts
from dailies.domain.catalogue import load_catalogue
from dailies.domain.compute_prices import load_compute_prices

if TYPE_CHECKING:
    from dailies.services.check import CheckPorts
    from dailies.services.enhance import EnhancePorts
    from dailies.services.record_progress import ProgressPorts
    from dailies.services.take_enhanced import TakeEnhancedPorts


@cache
def check() -> CheckPorts:
    """For Check."""
    from dailies.adapters.analyze_media import EnhanceAnalyzer
    from dailies.services.check import CheckPorts

    env = settings.CheckSettings.read()
    media, prices = parts.media(env.media_bucket), load_compute_prices()
    return CheckPorts(
        ledger=parts.ledger(env.table_name),
        clock=parts.clock(),
        catalogue=load_catalogue(),
        media=media,
        analyzer=EnhanceAnalyzer(media, parts.clock(), prices.limits.check_budget_s),
        prices=prices,
    )


@cache
def enhance() -> EnhancePorts:
    """For Enhance."""
    from dailies.services.enhance import EnhancePorts

    env = settings.EnhanceSettings.read()
    return EnhancePorts(
        ledger=parts.ledger(env.table_name),
        clock=parts.clock(),
        catalogue=load_catalogue(),
        media=parts.media(env.media_bucket),
        bucket=env.media_bucket,
        prices=load_compute_prices(),
    )


@cache
def take_enhanced() -> TakeEnhancedPorts:
    """For TakeEnhanced."""
    from dailies.adapters.s3_task_objects import S3TaskObjects
    from dailies.services.take_enhanced import TakeEnhancedPorts

    env = settings.TakeEnhancedSettings.read()
    return TakeEnhancedPorts(
        ledger=parts.ledger(env.table_name),
        clock=parts.clock(),
        catalogue=load_catalogue(),
        media=parts.media(env.media_bucket),
        objects=S3TaskObjects(client("s3"), env.media_bucket),
        compute=parts.compute(env.enhance_state_machine_arn),
        kind=env.enhance_compute,
        prices=load_compute_prices(),
    )


@cache
def record_progress() -> ProgressPorts:
    """For RecordProgress."""
    from dailies.adapters.s3_task_objects import S3TaskObjects
    from dailies.services.record_progress import ProgressPorts

    env = settings.RecordProgressSettings.read()
    return ProgressPorts(
        ledger=parts.ledger(env.table_name),
        clock=parts.clock(),
        objects=S3TaskObjects(client("s3"), env.media_bucket),
    )
