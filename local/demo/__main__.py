"""`python -m local.demo`: deploy everything to a local AWS, run three jobs, show the videos."""

from __future__ import annotations

import shutil
import signal
import sys
import time
from pathlib import Path

from local.demo import enhancement, money, report
from local.demo.errors import DemoError
from local.demo.jobs import SHOTS, watch
from local.twin.api import Api, ApiError
from local.twin.errors import TwinError
from local.twin.narrator import Narrator
from local.twin.twin import Access, Twin

_ROOT = Path(__file__).resolve().parents[2]
_FOLDER = _ROOT / ".local" / "demo"
_OUT = _ROOT / "out"
_SCENARIO = Path(__file__).with_name("scenario.json")
_SPEED = 20.0


def main() -> int:
    """Run the demo; return the exit status."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.default_int_handler)
    narrator, began = Narrator(), time.monotonic()
    try:
        _run(narrator)
    except KeyboardInterrupt:
        narrator.line("Stopped.")
        return 130
    except (TwinError, DemoError, ApiError) as exc:
        narrator.line(f"The demo failed: {exc}")
        narrator.line(f"Logs: {_FOLDER.relative_to(_ROOT)}/ (functions: aws/lambda.log).")
        return 1
    narrator.line(f"\nDone in {time.monotonic() - began:.0f} s; everything is stopped.")
    return 0


def _run(narrator: Narrator) -> None:
    for folder in (_FOLDER, _OUT):
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
    narrator.title("The twin")
    with Twin(_FOLDER, speed=_SPEED, scenario=_SCENARIO, narrator=narrator) as twin:
        access = twin.issue("demo")
        narrator.line(f"  The API answers at {twin.url}")
        with Api(twin.url, access.api_key) as api:
            _play(twin, api, access, narrator)


def _play(twin: Twin, api: Api, access: Access, narrator: Narrator) -> None:
    narrator.title(f"Two jobs, text to video (vendors are simulated, {_SPEED:g} times as fast)")
    narrator.line("  A third one makes an uploaded video larger, on this machine.")
    hook = f"{twin.receiver_url}/hooks/demo"
    jobs = {shot.name: api.create_job(shot.body(hook)) for shot in SHOTS}
    small = enhancement.upload(api)
    jobs[enhancement.NAME] = api.create_job(small.body())
    ended = watch(api, jobs, _SPEED, narrator.console)
    narrator.title("Timelines")
    for name, job in ended.items():
        told = report.timeline(api.events(job["job_id"]), job["finished_at"])
        narrator.line(f"  {name}: {told}")
    enhanced = ended.pop(enhancement.NAME)
    parts = {
        "Faults": lambda: money.require_faults(twin),
        "Money": lambda: money.prove_one_paid_task_each(twin, api, ended),
        "Webhooks": lambda: report.webhooks(twin, access, ended),
        "Videos": lambda: report.videos(twin, api, ended, _OUT),
        "Enhancement": lambda: enhancement.show(api, small, enhanced, _OUT),
        "Emails": lambda: report.emails(twin, ended, _OUT),
    }
    for title, lines in parts.items():
        narrator.title(title)
        for line in lines():
            narrator.line(f"  {line}")


if __name__ == "__main__":
    sys.exit(main())
