"""A task's spec: what the container reads, as `gpu_container/enhance/spec.py` defines it."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict

from dailies.domain.enhance_options import EnhanceOptions, OwnWeights, Stage
from dailies.domain.enhancement import ComputeTask, Device

_DEVICES: dict[str, Device] = {"auto": "auto", "gpu": "cuda", "cpu": "cpu"}


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True)


class SpecSource(_Frozen):
    """The file to enhance."""

    uri: str
    etag: str | None = None
    size_bytes: int | None = None


class TaskSpec(_Frozen):
    """Everything a run needs to know."""

    v: Literal[1] = 1
    task_id: str
    source: SpecSource
    output: str
    work: str
    stages: list[dict[str, Any]]
    """As the container's own models read them: weights with their address."""
    device: Device = "auto"


def device_of(options: EnhanceOptions) -> Device:
    """Return the device as a spec names it."""
    return _DEVICES[options.device]


def task_spec(
    task: ComputeTask,
    options: EnhanceOptions,
    *,
    tenant: str,
    source_key: str,
    etag: str | None,
    size_bytes: int,
    output_key: str,
) -> TaskSpec:
    """Return the spec of a task; the same task always gets the same one."""
    at = f"s3://{task.bucket}"
    return TaskSpec(
        task_id=task.task_id,
        source=SpecSource(uri=f"{at}/{source_key}", etag=etag, size_bytes=size_bytes),
        output=f"{at}/{output_key}",
        work=f"{at}/{task.prefix}",
        stages=[_stage(stage, task.bucket, tenant) for stage in options.stages],
        device=task.device,
    )


def _stage(stage: Stage, bucket: str, tenant: str) -> dict[str, Any]:
    said = stage.model_dump(mode="json", exclude_none=True)
    net = getattr(stage, "model", None)
    if isinstance(net, OwnWeights):
        said["model"] = {"uri": net.uri(bucket, tenant), "sha256": net.sha256}
    return said
