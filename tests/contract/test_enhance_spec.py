"""What the workflow writes is what the container reads: two models of one file, held together."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, get_args

import pytest
from pydantic import BaseModel, TypeAdapter

from dailies.domain import enhance_options, enhance_spec, task_report
from dailies.domain.compute_prices import load_compute_prices
from dailies.domain.enhance_options import EnhanceOptions
from dailies.domain.enhancement import ComputeTask, task_id, task_prefix
from enhance import report, spec
from enhance.exits import ExitCode

JOB_ID = "job_01JCZ5V5ZK8W1R8Q4T9X3M7N2P"
TASK = ComputeTask(
    task_id=task_id(JOB_ID, 2),
    job_id=JOB_ID,
    bucket="media",
    prefix=task_prefix("acme", JOB_ID, task_id(JOB_ID, 2)),
    device="cuda",
    short=True,
)
STAGES = [
    (enhance_options.Deinterlace, spec.Deinterlace),
    (enhance_options.Denoise, spec.Denoise),
    (enhance_options.SuperResolution, spec.SuperResolution),
    (enhance_options.Interpolate, spec.Interpolate),
    (enhance_options.Convert, spec.Convert),
]
SHIPPED = Path(spec.__file__).parent / "nets" / "shipped"


def written(stages: list[dict[str, Any]], **options: Any) -> spec.JobSpec:
    """Return what the container reads of the spec that the workflow writes."""
    asked = EnhanceOptions.model_validate({"stages": stages, **options})
    made = enhance_spec.task_spec(
        TASK,
        asked,
        tenant="acme",
        source_key="outputs/acme/j/a.mp4",
        etag="abc",
        size_bytes=12,
        output_key="outputs/acme/j/b.mp4",
    )
    return spec.JobSpec.model_validate_json(made.model_dump_json(exclude_none=True))


def test_spec_says_where_everything_lies() -> None:
    read = written([{"name": "sr"}])

    assert read.task_id == TASK.task_id
    assert read.source == spec.Source(
        uri="s3://media/outputs/acme/j/a.mp4", etag="abc", size_bytes=12
    )
    assert read.output == "s3://media/outputs/acme/j/b.mp4"
    assert read.work == f"s3://media/{TASK.prefix}"
    assert read.device == "cuda"


@pytest.mark.parametrize(
    "stage",
    [
        {"name": "deinterlace", "mode": "always"},
        {"name": "denoise", "model": "luma-x1-deblock", "strength": 0.5},
        {"name": "sr", "scale": 4, "model": "luma-x2-codec"},
        {"name": "sr", "height": 1080},
        {"name": "interpolate", "factor": 3},
        {"name": "interpolate", "fps": 59.94},
        {"name": "convert", "codec": "prores", "container": "mov", "pixel_format": "yuv422p10le"},
        {"name": "convert", "quality": 20, "preset": "veryfast"},
    ],
    ids=lambda stage: "-".join(stage),
)
def test_stage_means_the_same_on_both_sides(stage: dict[str, Any]) -> None:
    (read,) = written([stage]).stages

    said = read.model_dump(mode="json", exclude_defaults=True) | {"name": read.name}
    assert said == stage


def test_stages_that_are_left_out_are_the_same_default() -> None:
    asked = EnhanceOptions()

    assert written([s.model_dump(exclude_none=True) for s in asked.stages]).stages == [
        spec.SuperResolution(scale=2)
    ]


def test_own_weights_lie_in_the_tenants_folder_only() -> None:
    net = {"file": "film-x4.safetensors", "sha256": "a" * 64}

    (read,) = written([{"name": "sr", "model": net}]).stages

    assert isinstance(read, spec.SuperResolution)
    assert read.model == spec.Weights(
        uri="s3://media/models/acme/film-x4.safetensors", sha256="a" * 64
    )


@pytest.mark.parametrize(
    "file",
    ["../rival/x.pth", "/x.pth", "a/b.pth", "s3://b/x.pth", ".pth", "x.zip", "x.pth\n", "é.pth"],
)
def test_own_weights_cannot_be_elsewhere(file: str) -> None:
    with pytest.raises(ValueError, match="file"):
        written([{"name": "sr", "model": {"file": file, "sha256": "a" * 64}}])


@pytest.mark.parametrize(("ours", "theirs"), STAGES, ids=lambda model: model.__name__)
def test_fields_have_the_same_schema(ours: type[BaseModel], theirs: type[BaseModel]) -> None:
    mine, container = fields(ours), fields(theirs)

    net = mine.pop("model", None), container.pop("model", None)
    assert mine == container
    if any(net):
        names = TypeAdapter(enhance_options.NetName).json_schema()
        assert names["pattern"] == json_schema_of(spec.ShippedModel)["pattern"]


def test_stages_are_the_same_ones() -> None:
    named = [model.__name__ for model, _ in STAGES]
    for union in (enhance_options.Stage, spec.Stage):
        assert [model.__name__ for model in get_args(get_args(union)[0])] == named


def test_spec_has_no_field_that_the_container_does_not_know() -> None:
    assert set(enhance_spec.TaskSpec.model_fields) <= set(spec.JobSpec.model_fields)
    left_out = set(spec.JobSpec.model_fields) - set(enhance_spec.TaskSpec.model_fields)
    assert not any(spec.JobSpec.model_fields[name].is_required() for name in left_out)
    assert set(enhance_spec.SpecSource.model_fields) == set(spec.Source.model_fields)


def test_shipped_nets_are_the_ones_on_offer() -> None:
    offered = load_compute_prices().nets

    assert {path.stem for path in SHIPPED.glob("*.safetensors")} == set(offered)
    stages = {model.model_fields["name"].default for model, _ in STAGES}
    assert set().union(*offered.values()) <= stages


def test_report_is_read_as_it_is_written() -> None:
    told = report.Report(
        task_id=TASK.task_id,
        outcome="ok",
        exit_code=0,
        code="ok",
        message="",
        retryable=False,
        output=report.Output(
            uri="s3://media/x", size_bytes=7, sha256="b" * 64, container="mp4", width=64,
            height=48, fps=24.0, frames=9, duration_s=0.4, video_codec="h264",
            pixel_format="yuv420p", audio_codec=None,
        ),
        device=report.Device(kind="cuda", name="L4", engine="torch", precision="fp16"),
        timing=report.Timing(wall_s=3.5, cpu_s=9.0),
    )  # fmt: skip

    read = task_report.parse_report(json.loads(told.model_dump_json()), TASK.task_id)

    assert read is not None
    assert (read.device.kind, read.timing.wall_s) == ("cuda", 3.5)
    assert read.output is not None
    assert set(task_report.TaskOutput.model_fields) <= set(report.Output.model_fields)
    assert read.output.model_dump() == told.output.model_dump(exclude={"uri"})  # type: ignore[union-attr]


@pytest.mark.parametrize("code", list(ExitCode), ids=lambda code: code.name)
def test_outcome_is_final_unless_another_try_can_help(code: ExitCode) -> None:
    said = {"task_id": TASK.task_id, "outcome": code.outcome}

    read = task_report.parse_report(said, TASK.task_id)

    assert (read is None) == code.retryable
    if read is not None:
        assert (read.outcome in task_report.MADE) == (code in {ExitCode.OK, ExitCode.PARTIAL_INPUT})


def fields(model: type[BaseModel]) -> dict[str, Any]:
    """Return a model's fields as JSON schema, without their words."""
    found = model.model_json_schema()["properties"]
    return {name: _bare(schema) for name, schema in found.items()}


def json_schema_of(kind: Any) -> dict[str, Any]:
    return TypeAdapter(kind).json_schema()


def _bare(schema: Any) -> Any:
    return json.loads(json.dumps(schema), object_hook=_without_words)


def _without_words(members: dict[str, Any]) -> dict[str, Any]:
    return {k: v for k, v in members.items() if k not in {"title", "description"}}
