from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from enhance.chain import build
from enhance.cuts import cut
from enhance.engines import open_compute
from enhance.interruption import Interruption
from enhance.manifest import SourceIdentity, question
from enhance.media import open_source
from enhance.media.facts import Index, Keyframe
from enhance.pace import Pace, measure
from enhance.spec import JobSpec
from tests.gpu import clips


def an_index(pts: list[int], keys: list[int]) -> Index:
    return Index(
        container="mov",
        size_bytes=1,
        stream=0,
        codec="h264",
        width=64,
        height=48,
        pixel_format="yuv420p",
        time_base=Fraction(1, 1000),
        pts=tuple(pts),
        last_duration=40,
        keyframes=tuple(Keyframe(pts=pts[k], dts=pts[k]) for k in keys),
        reorder=0,
        rate=None,
    )


@st.composite
def indexes(draw: st.DrawFn) -> Index:
    steps = draw(st.lists(st.integers(1, 5000), min_size=0, max_size=200))
    start = draw(st.integers(-10_000, 10_000))
    pts = [start]
    for step in steps:
        pts.append(pts[-1] + step)
    keys = draw(st.sets(st.integers(0, len(pts) - 1), max_size=20))
    return an_index(pts, sorted({0, *keys}))


@given(indexes(), st.integers(1, 50))
def test_every_frame_lies_in_exactly_one_chunk(index: Index, wanted: int) -> None:
    chunks = cut(index, min(wanted, index.frames))
    assert [chunk.i for chunk in chunks] == list(range(len(chunks)))
    for chunk in chunks:
        inside = [p for p in index.pts if chunk.start <= p < chunk.end]
        assert len(inside) == chunk.frames > 0
        # a chunk starts at a frame
        assert inside[0] == chunk.start
    assert sum(chunk.frames for chunk in chunks) == index.frames
    assert all(a.end == b.start for a, b in pairwise(chunks))
    assert chunks[-1].end == index.end


def test_chunk_begins_at_a_keyframe_when_one_is_near() -> None:
    index = an_index([n * 40 for n in range(100)], keys=[0, 22, 55, 80])
    assert [chunk.start // 40 for chunk in cut(index, 4)] == [0, 22, 55, 80]


def test_chunk_begins_anywhere_when_no_keyframe_is_near() -> None:
    index = an_index([n * 40 for n in range(100)], keys=[0])
    assert [chunk.start // 40 for chunk in cut(index, 4)] == [0, 25, 50, 75]


SPEC = {
    "task_id": "t",
    "source": {"uri": "a.mp4"},
    "output": "b.mp4",
    "work": "w",
    "stages": [{"name": "sr", "scale": 2}],
}
SOURCE = SourceIdentity(uri="a.mp4", size_bytes=1, etag="e")
OTHER_WEIGHTS = {"uri": "s3://b/w.safetensors", "sha256": "a" * 64}


@pytest.mark.parametrize(
    "change",
    [
        {"stages": [{"name": "sr", "scale": 4}]},
        {"stages": [{"name": "sr", "scale": 2, "model": OTHER_WEIGHTS}]},
        {"stages": [{"name": "sr", "scale": 2}, {"name": "convert", "quality": 20}]},
        {"device": "cpu"},
        {"precision": "fp32"},
    ],
)
def test_finished_chunks_are_of_no_use_when_the_spec_asks_for_other_frames(
    change: dict[str, object],
) -> None:
    before = question(JobSpec.model_validate(SPEC), SOURCE, "mp4", "shipped")
    assert question(JobSpec.model_validate({**SPEC, **change}), SOURCE, "mp4", "shipped") != before


@pytest.mark.parametrize(
    "change",
    [{"task_id": "u"}, {"output": "c.mp4"}, {"work": "v"}, {"source": {"uri": "copy.mp4"}}],
)
def test_finished_chunks_are_used_when_only_the_places_change(change: dict[str, object]) -> None:
    before = question(JobSpec.model_validate(SPEC), SOURCE, "mp4", "shipped")
    assert question(JobSpec.model_validate({**SPEC, **change}), SOURCE, "mp4", "shipped") == before


def test_finished_chunks_are_of_no_use_when_source_or_nets_changed() -> None:
    spec = JobSpec.model_validate(SPEC)
    before = question(spec, SOURCE, "mp4", "shipped")
    assert question(spec, SOURCE.model_copy(update={"etag": "f"}), "mp4", "shipped") != before
    assert question(spec, SOURCE, "mp4", "trained anew") != before
    assert question(spec, SOURCE, "webm", "shipped") != before


def test_weights_are_known_by_their_digest_wherever_they_lie() -> None:
    def asked(uri: str) -> str:
        model = {**OTHER_WEIGHTS, "uri": uri}
        stages = [{"name": "sr", "scale": 2, "model": model}]
        return question(
            JobSpec.model_validate({**SPEC, "stages": stages}), SOURCE, "mp4", "shipped"
        )

    assert asked("s3://one/x.safetensors") == asked("/two/y.safetensors")


def test_work_adds_up_on_a_cpu_and_overlaps_on_a_gpu() -> None:
    estimate = Pace("cpu", decode_s=0.01, stages_s=0.1, encode_s=0.02).estimate(1000)
    assert estimate.cpu_s == pytest.approx(130)
    assert estimate.cuda_s == pytest.approx(20)
    measured = Pace("cuda", decode_s=0.01, stages_s=0.1, encode_s=0.02).estimate(1000)
    assert measured.cpu_s is None
    assert measured.cuda_s == pytest.approx(100)


def test_pace_is_measured_with_real_frames(tmp_path: Path) -> None:
    media = str(clips.plain(50))
    spec = JobSpec.model_validate({**SPEC, "stages": [{"name": "sr", "scale": 2}]})
    compute = open_compute("cpu", "fp32")
    built = build(spec, open_source(media), compute, lambda _: tmp_path)
    pace = measure(built, tmp_path, Interruption())
    assert pace is not None
    assert pace.device == "cpu"
    assert min(pace.decode_s, pace.stages_s, pace.encode_s) > 0
    assert (
        measure(replace(built, source=open_source(str(clips.plain(2)))), tmp_path, Interruption())
        is None
    )
