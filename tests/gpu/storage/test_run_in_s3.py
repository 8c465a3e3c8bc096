"""A task whose source, chunks and output all lie in a bucket."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest

from enhance.exits import ExitCode
from local.emulator.process import Emulator
from tests.gpu import clips
from tests.gpu.commands import Task, ended, packets, start
from tests.gpu.storage.conftest import BUCKET


@pytest.fixture
def task(s3: Any, tmp_path: Path) -> Task:
    key = "in/a+b %41 ü.mp4"
    s3.put_object(Bucket=BUCKET, Key=key, Body=clips.plain(50).read_bytes())
    places = {"output": f"s3://{BUCKET}/out/x+y %42.mp4", "work": f"s3://{BUCKET}/work/{tmp_path}/"}
    return Task(tmp_path / "here", f"s3://{BUCKET}/{key}", places=places)


def names(s3: Any, task: Task) -> set[str]:
    prefix = task.places["work"].removeprefix(f"s3://{BUCKET}/")
    listed = s3.list_objects_v2(Bucket=BUCKET, Prefix=prefix)["Contents"]
    return {found["Key"].removeprefix(prefix) for found in listed}


def test_film_is_the_same_as_from_a_folder(
    task: Task, s3: Any, emulator: Emulator, tmp_path: Path
) -> None:
    made = task.run("all", env=emulator.environment())
    assert made.status == ExitCode.OK, made.err
    body = s3.get_object(Bucket=BUCKET, Key="out/x+y %42.mp4")["Body"].read()
    report = made.lines[-1]
    assert report["output"]["uri"] == task.places["output"]
    assert report["output"]["sha256"] == hashlib.sha256(body).hexdigest()
    here = tmp_path / "downloaded.mp4"
    here.write_bytes(body)
    local = Task(tmp_path / "local", clips.plain(50))
    assert local.run("all").status == ExitCode.OK
    assert packets(here) == packets(local.output)

    stored = names(s3, task)
    assert {"manifest.json", "plan.json", "progress.json", "report.json"} <= stored
    again = task.run("all", env=emulator.environment())
    assert again.lines[-1]["chunks"]["reused"] == report["chunks"]["total"]
    assert names(s3, task) == stored


def test_source_that_is_replaced_is_noticed(task: Task, s3: Any, emulator: Emulator) -> None:
    assert task.run("plan", env=emulator.environment()).status == ExitCode.OK
    key = str(task.source).removeprefix(f"s3://{BUCKET}/")
    s3.put_object(Bucket=BUCKET, Key=key, Body=clips.plain(12).read_bytes())
    refused = task.run("run", env=emulator.environment())
    assert refused.status == ExitCode.BAD_INPUT
    assert refused.lines[-1]["code"] == "no_plan"


def test_storage_that_refuses_is_told(task: Task, emulator: Emulator) -> None:
    task.places["work"] = "s3://there-is-no-such-bucket/work/"
    failed = task.run("all", env=emulator.environment())
    assert failed.status == ExitCode.INTERNAL
    assert "The report was not stored" in failed.err


def test_spec_and_weights_come_from_the_bucket(
    task: Task, s3: Any, emulator: Emulator, tmp_path: Path
) -> None:
    shipped = Path("gpu_container/enhance/nets/shipped/luma-x2-clean.safetensors")
    weights = shipped.read_bytes()
    s3.put_object(Bucket=BUCKET, Key="models/net.safetensors", Body=weights)
    model = {"uri": f"s3://{BUCKET}/models/net.safetensors"}
    env = {**emulator.environment(), "XDG_CACHE_HOME": str(tmp_path / "cache")}

    task.stages = [{"name": "sr", "model": {**model, "sha256": "0" * 64}}]
    assert task.run("all", env=env).lines[-1]["code"] == "model_changed"

    digest = hashlib.sha256(weights).hexdigest()
    task.stages = [{"name": "sr", "model": {**model, "sha256": digest}}]
    made = task.run("all", env=env)
    assert made.status == ExitCode.OK, made.err
    assert made.lines[-1]["output"]["width"] == 2 * clips.WIDTH
    kept = list((tmp_path / "cache" / "enhance").iterdir())
    assert [path.name for path in kept] == [f"{digest}.safetensors"]

    s3.delete_object(Bucket=BUCKET, Key="models/net.safetensors")
    task.places["output"] = f"s3://{BUCKET}/out/again.mp4"
    assert task.run("all", env=env).status == ExitCode.OK
    kept[0].unlink()
    task.places["work"] += "elsewhere/"
    assert task.run("all", env=env).lines[-1]["code"] == "model_missing"


def test_spec_is_read_from_the_bucket(task: Task, s3: Any, emulator: Emulator) -> None:
    s3.put_object(Bucket=BUCKET, Key="spec.json", Body=task.spec().read_bytes())
    env = {**emulator.environment(), "ENHANCE_SPEC": f"s3://{BUCKET}/spec.json"}
    planned = ended(start("plan", env=env))
    assert planned.status == ExitCode.OK, planned.err
    prefix = task.places["work"].removeprefix(f"s3://{BUCKET}/")
    plan = json.loads(s3.get_object(Bucket=BUCKET, Key=f"{prefix}plan.json")["Body"].read())
    assert plan["chunks"] > 1
