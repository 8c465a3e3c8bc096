"""Which videos a model goes on from: asked before anything is spent."""

from __future__ import annotations

import datetime as dt

from dailies.domain.catalogue import VendorSpec, VideoRule
from dailies.domain.ports import InputVideo


def why_not(
    video: InputVideo, rule: VideoRule, vendor: VendorSpec, *, now: dt.datetime, added_s: int
) -> str:
    """Return why a video cannot be gone on from, in a sentence; empty where it can."""
    return (
        _made_elsewhere(video, rule, vendor)
        or _too_old(video, rule, now)
        or _too_long(video, rule, added_s=added_s)
    )


def _made_elsewhere(video: InputVideo, rule: VideoRule, vendor: VendorSpec) -> str:
    if not rule.made_by:
        return ""
    origin = video.origin
    if origin and origin.vendor == vendor.vendor and origin.model in rule.made_by:
        return ""
    models = ", ".join(f"{vendor.vendor}/{model}" for model in rule.made_by)
    return (
        f"{vendor.title} goes on only from a video that it made itself with one of: {models}. "
        "Give the asset_id of such a job's result."
    )


def _too_old(video: InputVideo, rule: VideoRule, now: dt.datetime) -> str:
    if rule.max_age_s is None or video.origin is None:
        return ""
    if (now - video.origin.made_at).total_seconds() <= rule.max_age_s:
        return ""
    days = rule.max_age_s // 86400
    return f"The vendor keeps a video for {days} days, and this one is older. Make it anew first."


def _too_long(video: InputVideo, rule: VideoRule, *, added_s: int) -> str:
    if rule.max_total_s is None or video.duration_s is None:
        return ""
    if video.duration_s + added_s <= rule.max_total_s:
        return ""
    return (
        f"The video has {video.duration_s:g} s, and with the {added_s} s to be added it would be "
        f"longer than the {rule.max_total_s} s that the vendor makes."
    )
