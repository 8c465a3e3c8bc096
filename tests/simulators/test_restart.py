"""Simulators that are killed and started again know every task they took, and every key."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import httpx
import pytest

from local.simulators.shelf import Shelf
from local.simulators.simulators import Simulators
from local.simulators.state import Ending, Task, TaskStore


def a_task(**fields: Any) -> Task:
    values: dict[str, Any] = {
        "id": "1",
        "model": "kling-3.0",
        "mode": "image_to_video",
        "prompt": "a heron\non a pole",
        "created_at": 1.0,
        "duration_s": 2.0,
        "resolution": "720p",
        "aspect_ratio": "16:9",
        "video_s": 5,
        "audio": False,
        "image": b"\x89PNG\x00\xff",
    }
    return Task(**(values | fields))


def store(folder: Path) -> TaskStore:
    return TaskStore(Shelf(folder).journal("kling"))


def test_task_is_known_to_the_next_process_as_soon_as_it_was_added(tmp_path: Path) -> None:
    task = store(tmp_path).add(a_task())

    assert store(tmp_path).all() == [task]


def test_change_and_counts_are_known_to_the_next_process_once_saved(tmp_path: Path) -> None:
    first = store(tmp_path)
    task = first.add(a_task())
    first.count("submit")
    task.ending = Ending(kind="canceled")
    for _ in range(2):
        first.save()

    again = store(tmp_path)

    assert again.calls() == {"submit": 1}
    assert [one.ending.kind for one in again.all()] == ["canceled"]


def test_other_tasks_are_kept_when_a_row_was_being_written_at_the_end(tmp_path: Path) -> None:
    store(tmp_path).add(a_task())
    with (tmp_path / "kling-rows.jsonl").open("ab") as rows:
        rows.write(b'{"id": "2", "mod')

    again = store(tmp_path)
    again.add(a_task(id="3"))

    assert [task.id for task in store(tmp_path).all()] == ["1", "3"]


def test_nothing_is_known_to_the_next_process_after_a_reset(tmp_path: Path) -> None:
    first = store(tmp_path)
    first.add(a_task())
    first.reset()
    first.add(a_task(id="2"))

    assert [task.id for task in store(tmp_path).all()] == ["2"]


def test_credentials_and_published_keys_stay_when_the_folder_does(tmp_path: Path) -> None:
    def described(folder: Path) -> dict[str, Any]:
        with Simulators(state=folder) as sims:
            keys = httpx.get(f"{sims.gemini.base_url}/.well-known/jwks.json", trust_env=False)
            account = sims.google.credentials["service_account"]
            return {
                "kling": sims.kling.credentials,
                "gemini": sims.gemini.credentials,
                "simulator": sims.simulator.credentials,
                "google": (account["private_key"], account["private_key_id"]),
                "published": keys.json(),
            }

    first = described(tmp_path)

    assert described(tmp_path) == first
    assert described(tmp_path / "other")["kling"] != first["kling"]
    assert not any(path.stat().st_mode & 0o077 for path in tmp_path.glob("*-keys.json"))


def started(folder: Path) -> tuple[subprocess.Popen[str], dict[str, Any]]:
    command = [sys.executable, "-m", "local.simulators", "--state", str(folder), "--speed", "50"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    return process, json.loads(process.stdout.readline())["kling"]


def end(process: subprocess.Popen[str]) -> None:
    process.kill()
    process.communicate()


@pytest.mark.parametrize("killed_after_s", [0.0, 0.4])
def test_accepted_task_is_finished_when_the_process_was_killed(
    tmp_path: Path, killed_after_s: float
) -> None:
    process, kling = started(tmp_path)
    headers = {"Authorization": f"Bearer {kling['credentials']['api_key']}"}
    body = {"prompt": "a heron", "options": {"external_task_id": "att_1"}}
    url = f"{kling['base_url']}/text-to-video/kling-3.0-turbo"
    taken = httpx.post(url, json=body, headers=headers, trust_env=False)
    assert taken.status_code == 200, taken.text
    time.sleep(killed_after_s)
    end(process)

    process, kling = started(tmp_path)
    try:
        shown = httpx.get(f"{kling['base_url']}/_simulator/tasks", trust_env=False).json()["tasks"]
        again = httpx.post(
            f"{kling['base_url']}/text-to-video/kling-3.0-turbo",
            json=body,
            headers=headers,
            trust_env=False,
        )
    finally:
        end(process)
    assert [task["external_id"] for task in shown] == ["att_1"]
    assert again.status_code == 400, "the external id is still taken"
