"""From a file to a file, in processes of their own."""

from __future__ import annotations

import json
import resource
import shutil
import signal
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from enhance.exits import ExitCode
from enhance.progress import Progress
from enhance.report import Report
from tests.gpu import clips
from tests.gpu.commands import Task, ended, packets, start, video_pts
from tests.gpu.metadata_service import MetadataService

FRAMES = 50


@pytest.fixture
def service() -> Iterator[MetadataService]:
    with MetadataService(notice_from=1) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server
        server.shutdown()


@pytest.fixture
def task(tmp_path: Path) -> Task:
    return Task(tmp_path / "task", clips.plain(FRAMES))


def test_film_is_whole_after_all(task: Task) -> None:
    made = task.run("all")
    assert made.status == ExitCode.OK, made.err
    report = Report.model_validate(task.report())
    assert report.outcome == "ok"
    assert report.output is not None
    assert report.output.uri == str(task.output)
    assert report.output.frames == FRAMES == len(video_pts(task.output))
    assert report.output.size_bytes == task.output.stat().st_size
    assert report.input["frames"] == FRAMES
    assert report.chunks.done == report.chunks.total > 3
    assert report.chunks.reused == 0
    assert video_pts(task.output) == pytest.approx(video_pts(task.source), abs=1e-6)
    assert report.analysis is not None
    *progress, last = made.lines
    fractions = [Progress.model_validate(line).fraction for line in progress]
    assert fractions == sorted(fractions)
    assert Report.model_validate(last) == report
    assert Progress.model_validate_json((task.work / "progress.json").read_bytes())
    assert not list(task.work.glob("scratch*"))


def test_steps_give_what_all_gives(task: Task, tmp_path: Path) -> None:
    assert task.run("plan").status == ExitCode.OK
    assert not (task.work / "report.json").exists()
    plan = json.loads((task.work / "plan.json").read_bytes())
    assert plan["v"] == 1
    assert not plan["short"]
    for i in range(plan["chunks"]):
        env = {"AWS_BATCH_JOB_ARRAY_INDEX": str(i), "ENHANCE_SPEC": str(task.spec())}
        assert task.run("run", env=env).status == ExitCode.OK
        assert json.loads((task.work / "reports" / f"{i}.json").read_bytes())["outcome"] == "ok"
        assert (task.work / "progress" / f"{i}.json").exists()
    assert task.run("assemble").status == ExitCode.OK
    assert task.report()["chunks"] == {
        "total": plan["chunks"],
        "done": plan["chunks"],
        "reused": plan["chunks"],
    }
    results = [json.loads(path.read_bytes()) for path in (task.work / "chunks").glob("*.json")]
    spent_s = sum(result["wall_s"] for result in results)
    timing = task.report()["timing"]
    assert timing["machines_s"] == pytest.approx(timing["wall_s"] + spent_s, abs=0.01), (
        "each is paid"
    )
    alone = Task(tmp_path / "alone", task.source)
    assert alone.run("all").status == ExitCode.OK
    assert packets(task.output) == packets(alone.output)


def test_second_run_does_nothing_twice(task: Task) -> None:
    assert task.run("all").status == ExitCode.OK
    before, first = task.done(), packets(task.output)
    task.output.unlink()
    assert task.run("all").status == ExitCode.OK
    assert task.done() == before
    assert task.report()["chunks"]["reused"] == len(before)
    assert packets(task.output) == first


def test_other_spec_in_the_same_place_starts_anew(task: Task) -> None:
    assert task.run("all").status == ExitCode.OK
    task.stages = [{"name": "convert", "codec": "h264", "preset": "ultrafast", "quality": 40}]
    assert task.run("all").status == ExitCode.OK
    assert task.report()["chunks"]["reused"] == 0


def test_missing_chunk_is_named(task: Task) -> None:
    assert task.run("plan").status == ExitCode.OK
    assert task.run("run", "--chunks", "0-1").status == ExitCode.OK
    assert task.run("assemble").status == ExitCode.INTERRUPTED
    assert (task.report()["code"], task.report()["retryable"]) == ("chunks_missing", True)
    assert not task.output.exists()


def test_ending_of_a_child_is_the_tasks(task: Task) -> None:
    assert task.run("plan").status == ExitCode.OK
    assert task.run("run", "--chunks", "0-1").status == ExitCode.OK
    child = json.loads((task.work / "reports" / "0.json").read_bytes())
    child |= {"outcome": "out_of_memory", "exit_code": 6, "code": "smallest_tile", "message": "m"}
    (task.work / "reports" / "2.json").write_text(json.dumps(child))
    child |= {"outcome": "interrupted", "exit_code": 143, "retryable": True}
    (task.work / "reports" / "1.json").write_text(json.dumps(child))
    assert task.run("assemble").status == ExitCode.OUT_OF_MEMORY
    assert task.report()["code"] == "smallest_tile"


def test_file_that_was_cut_off_is_partial_and_says_what_is_missing(tmp_path: Path) -> None:
    whole = clips.ffmpeg(
        "faststart.mp4", *clips.test_picture(frames=50), "-g", "10", "-movflags", "+faststart"
    )
    cut = tmp_path / "cut.mp4"
    cut.write_bytes(whole.read_bytes()[: whole.stat().st_size * 6 // 10])
    task = Task(tmp_path / "task", cut)
    assert task.run("plan").status == ExitCode.OK
    # a chunk is done, whatever the source lacks: the whole is what is partial
    assert task.run("run").status == ExitCode.OK
    assert task.run("assemble").status == ExitCode.PARTIAL_INPUT
    report = task.report()
    assert (report["outcome"], report["retryable"]) == ("partial_input", False)
    assert "cut off" in report["message"]
    assert 10 < report["output"]["frames"] == len(video_pts(task.output)) < 50


def test_full_disk_is_told_and_nothing_half_is_published(task: Task) -> None:
    def no_file_above_8_kb() -> None:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (8 << 10, 8 << 10))

    task.stages = [{"name": "convert", "codec": "h264", "quality": 1}]
    made = task.run("all", preexec_fn=no_file_above_8_kb)
    assert made.status == ExitCode.INTERNAL
    assert (made.lines[-1]["code"], made.lines[-1]["retryable"]) == ("disk_full", False)
    assert not task.output.exists()
    assert not task.done()
    # and once there is room again
    assert task.run("all").status == ExitCode.OK


def test_spot_notice_is_a_checkpoint(task: Task, service: MetadataService) -> None:
    task.source = clips.plain(200)
    env = {"ENHANCE_SPOT": "1", "AWS_EC2_METADATA_SERVICE_ENDPOINT": service.endpoint}
    made = task.run("all", env=env)
    assert made.status == ExitCode.INTERRUPTED
    assert "Spot notice: terminate" in task.report()["message"]
    assert task.run("all").status == ExitCode.OK


def test_damaged_chunk_is_never_published(task: Task) -> None:
    assert task.run("plan").status == ExitCode.OK
    assert task.run("run").status == ExitCode.OK
    content = next((task.work / "chunks").glob("*.mp4"))
    data = bytearray(content.read_bytes())
    data[len(data) // 2] ^= 1
    content.write_bytes(data)
    assert task.run("assemble").status == ExitCode.INTERNAL
    assert task.report()["code"] == "chunk_damaged"
    assert not task.output.exists()


def test_lost_content_is_made_again(task: Task) -> None:
    assert task.run("all").status == ExitCode.OK
    first = packets(task.output)
    next((task.work / "chunks").glob("*.mp4")).unlink()
    assert task.run("all").status == ExitCode.OK
    assert packets(task.output) == first


def test_content_that_was_cut_off_is_made_again(task: Task) -> None:
    assert task.run("all").status == ExitCode.OK
    first = packets(task.output)
    content = next((task.work / "chunks").glob("*.mp4"))
    content.write_bytes(content.read_bytes()[:100])
    made = task.run("all")
    assert made.status == ExitCode.OK, made.err
    assert packets(task.output) == first


def test_chunks_of_a_machine_with_another_encoder_are_made_again(task: Task) -> None:
    assert task.run("all").status == ExitCode.OK
    first = packets(task.output)
    one, two, *_ = (task.work / "chunks").glob("*.json")
    elsewhere = json.loads(one.read_bytes())
    elsewhere["file"] |= {"encoder": "h264_nvenc", "extradata_sha256": "0" * 64}
    one.write_text(json.dumps(elsewhere))
    two.unlink()
    made = task.run("all")
    assert made.status == ExitCode.OK, made.err
    assert packets(task.output) == first
    chunks = task.report()["chunks"]
    assert chunks["reused"] == chunks["total"] - 2


def test_child_makes_its_chunk_again_on_another_kind_of_machine(task: Task) -> None:
    task.device = "auto"
    assert task.run("plan").status == ExitCode.OK
    assert task.run("run", "--chunk", "0").status == ExitCode.OK
    (done,) = (task.work / "chunks").glob("*.json")
    here = json.loads(done.read_bytes())
    elsewhere = json.loads(done.read_bytes())
    elsewhere["device"]["kind"] = {"cpu": "cuda", "cuda": "cpu"}[here["device"]["kind"]]
    elsewhere["file"]["encoder"] = "another"
    done.write_text(json.dumps(elsewhere))
    assert task.run("run", "--chunk", "0").status == ExitCode.OK
    again = json.loads(done.read_bytes())
    assert (again["device"], again["file"]) == (here["device"], here["file"])


def test_gpu_that_is_demanded_and_absent_fails_loudly(task: Task) -> None:
    task.device = "cuda"
    task.stages = [{"name": "sr"}]
    made = task.run("all")
    assert made.status == ExitCode.NO_DEVICE
    assert task.report()["outcome"] == "no_device"
    assert not task.output.exists()


def test_machine_without_a_gpu_plans_for_others(task: Task) -> None:
    task.device = "cuda"
    task.stages = [{"name": "sr"}]
    assert task.run("plan").status == ExitCode.OK
    assert task.run("run", "--chunk", "0").status == ExitCode.NO_DEVICE
    assert json.loads((task.work / "reports" / "0.json").read_bytes())["code"]


def test_people_get_a_result_and_no_litter(tmp_path: Path) -> None:
    output = tmp_path / "-x ü.mkv"
    arguments = ("--input", str(clips.plain(12)), "--output", str(output), "--codec", "h264")
    assert ended(start("all", *arguments)).status == ExitCode.OK
    assert list(tmp_path.iterdir()) == [output]
    assert len(video_pts(output)) == 12


def test_name_follows_the_container_that_the_result_really_has(tmp_path: Path) -> None:
    arguments = ("--input", str(clips.plain(12)), "--output", str(tmp_path / "out.webm"))
    made = ended(start("all", *arguments, "--codec", "av1", "--preset", "12"))
    assert made.status == ExitCode.OK, made.err
    # WebM cannot hold the source's AAC
    assert list(tmp_path.iterdir()) == [tmp_path / "out.mkv"]
    assert made.lines[-1]["output"]["uri"] == str(tmp_path / "out.mkv")
    assert "the output is named out.mkv" in " ".join(made.lines[-1]["warnings"])


def test_file_that_nobody_named_is_never_replaced(tmp_path: Path) -> None:
    source = tmp_path / "film.mkv"
    shutil.copy(clips.plain(12), source)
    before = source.read_bytes()
    arguments = ("--input", str(source), "--output", str(tmp_path / "film.webm"))
    made = ended(start("all", *arguments, "--codec", "av1", "--preset", "12"))
    assert made.status == ExitCode.OK, made.err
    assert source.read_bytes() == before
    assert made.lines[-1]["output"]["uri"] == str(tmp_path / "film.webm")
    assert "mkv instead of webm" in " ".join(made.lines[-1]["warnings"])


@pytest.mark.parametrize("other", ["sub/../film.mp4", "link.mp4"])
def test_source_is_never_replaced_whatever_its_names(tmp_path: Path, other: str) -> None:
    source = tmp_path / "film.mp4"
    shutil.copy(clips.plain(12), source)
    before = source.read_bytes()
    (tmp_path / "sub").mkdir()
    (tmp_path / "link.mp4").symlink_to(source)
    for one, two in ((source, tmp_path / other), (tmp_path / other, source)):
        made = ended(start("all", "--input", str(one), "--output", str(two)))
        assert made.status == ExitCode.BAD_INPUT
        assert made.lines[-1]["code"] == "output_is_source"
        assert source.read_bytes() == before


def test_folder_is_no_source(tmp_path: Path) -> None:
    made = ended(start("all", "--input", str(tmp_path), "--output", str(tmp_path / "out.mp4")))
    assert made.status == ExitCode.BAD_INPUT
    assert made.lines[-1]["code"] == "source_missing"


def test_refused_request_leaves_nothing(tmp_path: Path) -> None:
    arguments = ("--input", str(tmp_path / "none.mp4"), "--output", str(tmp_path / "out.mp4"))
    assert ended(start("all", *arguments)).status == ExitCode.BAD_INPUT
    assert not list(tmp_path.iterdir())


def test_place_where_nothing_can_be_written_is_named(task: Task, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    task.places["work"] = str(tmp_path / "file" / "work")
    made = task.run("all")
    assert made.status == ExitCode.INTERNAL
    assert made.lines[-1]["code"] == "storage_failed"
    assert str(tmp_path / "file") in made.err
    assert "Traceback" not in made.err


def test_stop_keeps_finished_chunks_and_the_next_try_goes_on(task: Task, tmp_path: Path) -> None:
    task.source = clips.plain(200)
    with task.start("all") as process:
        assert process.stdout is not None
        wait_for_chunks(task, 3)
        process.send_signal(signal.SIGTERM)
        out, _ = process.communicate(timeout=60)
    assert process.returncode == ExitCode.INTERRUPTED
    told = json.loads(out.splitlines()[-1])
    assert (told["outcome"], told["retryable"]) == ("interrupted", True)
    assert "SIGTERM" in told["message"]
    assert not task.output.exists()
    before = task.done()
    assert 3 <= len(before) < 40
    assert task.run("all").status == ExitCode.OK
    assert task.report()["chunks"]["reused"] == len(before)
    whole = Task(tmp_path / "whole", task.source)
    assert whole.run("all").status == ExitCode.OK
    assert packets(task.output) == packets(whole.output)


def test_files_of_a_killed_try_go_with_the_next(task: Task) -> None:
    with task.start("all") as process:
        wait_for_chunks(task, 2)
        process.kill()
    assert list(task.work.glob("scratch.*"))
    assert task.run("all").status == ExitCode.OK
    assert not list(task.work.glob("scratch.*"))


def test_two_processes_on_one_task_do_no_harm(task: Task, tmp_path: Path) -> None:
    with task.start("all") as one, task.start("all") as two:
        for process in (one, two):
            out, err = process.communicate(timeout=120)
            assert process.returncode == ExitCode.OK, (out, err)
    alone = Task(tmp_path / "alone", task.source)
    assert alone.run("all").status == ExitCode.OK
    assert packets(task.output) == packets(alone.output)


def wait_for_chunks(task: Task, count: int) -> None:
    end = time.monotonic() + 60
    while len(task.done()) < count:
        assert time.monotonic() < end, "no chunk was finished in a minute"
        time.sleep(0.01)
