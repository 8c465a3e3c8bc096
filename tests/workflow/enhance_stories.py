"""Every way an enhancement can go: the columns of the chaos matrix after the vendor's own."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from dailies.domain.assets import Asset, AssetKind
from tests.storage.doubles import an_mp4
from tests.workflow.stage import Stage
from tests.workflow.stories import SHORT_S, Story, cancel_after

GROUP = "enhance"
VIDEO = "ast_01JCZ5V5ZK8W1R8Q4T9X3M7N2P"
VIDEO_KEY = f"uploads/acme/{VIDEO}"
ENHANCING_S = 75
"""When a vendor's video is there and its enhancement is under way."""


def plays(*names: str, stops_lost: bool = False) -> Callable[[Stage], None]:
    """Return what lets the machines do so, in order; the last again and again."""

    def prepare(stage: Stage) -> None:
        stage.farm.plays = list(names)
        stage.farm.stops_lost = stops_lost

    return prepare


def upload(*names: str, there: bool = True) -> Callable[[Stage], None]:
    """Return what uploads a video to be enhanced, and lets the machines do so."""

    def prepare(stage: Stage) -> None:
        plays(*names)(stage)
        asset = Asset(
            asset_id=VIDEO,
            tenant="acme",
            kind=AssetKind.UPLOAD,
            key=VIDEO_KEY,
            content_type="video/mp4",
            size_bytes=0,
            created_at=stage.clock.now(),
        )
        stage.ledger.put_asset(asset)
        if there:
            stage.media.objects[VIDEO_KEY] = (an_mp4(9_000), "video/mp4", None)

    return prepare


def _blind(stage: Stage) -> None:
    stage.wiring.analyzer.error = RuntimeError("a defect of the analysis")


def _dies_while_enhancing(stage: Stage, job_id: str) -> None:
    stage.clock.after(ENHANCING_S, lambda: stage.abort(job_id, 1))


def _canceled_as_it_dies(stage: Stage, job_id: str) -> None:
    stage.clock.after(ENHANCING_S, lambda: stage.cancel(job_id))
    stage.clock.after(ENHANCING_S + 1, lambda: stage.abort(job_id, 1))


def _settle_dies(stage: Stage) -> None:
    stage.dying = {"Settle": 7}


def _check_dies(stage: Stage) -> None:
    stage.dying = {"Check": 1}


MUST = {"enhance": {"on_failure": "fail"}}
UPLOAD = {"kind": "enhance", "video": {"asset_id": VIDEO}}
_on = partial(Story, group=GROUP, request={"enhance": {}})
_must = partial(Story, group=GROUP, request=MUST)
_alone = partial(Story, group=GROUP, model="", request=UPLOAD)


def _short(request: dict[str, Any]) -> dict[str, Any]:
    return {**request, "deadline_s": SHORT_S}


STORIES = [
    _on("enhanced", "it does what it is asked", "succeeded 1e"),
    _on("damaged", "it finds the video damaged", "succeeded 1e", prepare=plays("partial_input")),
    _on("lost once", "it is lost, another one is not", "succeeded 1e", prepare=plays("dies", "ok")),
    _on("lost thrice", "all three are lost", "succeeded 1", prepare=plays("dies")),
    _must("lost thrice, must", "all three are lost; no video will do else", "failed 1",
          prepare=plays("interrupted", "dies")),
    _on("lies", "it reports a video that is not there, another one does not", "succeeded 1e",
        prepare=plays("lies", "ok")),
    _on("refuses", "it cannot enhance this video", "succeeded 1", prepare=plays("bad_input")),
    _must("refuses, must", "it cannot enhance this video; no video will do else", "failed 1",
          prepare=plays("no_device")),
    _on("dies late", "it is lost after its report", "succeeded 1e", prepare=plays("late_death")),
    _on("never ends", "it is at work for ever", "succeeded 1", prepare=plays("never"),
        request=_short({"enhance": {}})),
    _must("never ends, must", "it is at work for ever; no video will do else", "expired 1",
          prepare=plays("never"), request=_short(MUST)),
    _on("canceled", "the caller cancels while it works", "canceled 1",
        begin=cancel_after(ENHANCING_S)),
    _on("canceled, stop lost", "the caller cancels, and nothing can stop it", "canceled 1e",
        prepare=plays("ok", stops_lost=True), begin=cancel_after(ENHANCING_S)),
    _on("run dies", "the execution is aborted while it works", "succeeded 1e",
        begin=_dies_while_enhancing),
    _on("canceled, run dies", "the caller cancels, no stop arrives, and the execution is aborted",
        "canceled 1", prepare=plays("ok", stops_lost=True), begin=_canceled_as_it_dies),
    _on("run dies after it", "the function that settles is killed seven times", "succeeded 1e",
        prepare=_settle_dies),
    _on("not seen through", "looking the video through fails", "succeeded 1e", prepare=_blind),
    _on("Check dies", "looking the video through kills the function", "succeeded 1e",
        prepare=_check_dies),
    _alone("upload", "a video of the caller's own is enhanced", "succeeded 0e",
           prepare=upload("ok")),
    _alone("upload, lost once", "… and the machine is lost, another one is not", "succeeded 0e",
           prepare=upload("dies", "ok")),
    _alone("upload, refused", "… and cannot be", "failed 0", prepare=upload("bad_input")),
    _alone("upload, not there", "… and was never uploaded", "failed 0",
           prepare=upload("ok", there=False)),
    _alone("upload, canceled", "… and the caller cancels", "canceled 0", prepare=upload("ok"),
           begin=cancel_after(20)),
    _alone("upload, never ends", "… and the machine is at work for ever", "expired 0",
           prepare=upload("never"), request=_short(UPLOAD)),
]  # fmt: skip
