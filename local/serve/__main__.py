"""`python -m local.serve`: keep the local AWS with everything deployed until Ctrl-C."""

from __future__ import annotations

import getpass
import json
import os
import shutil
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, replace
from pathlib import Path

from local.serve.live import read_live, warning
from local.twin.api import Api
from local.twin.errors import DeployError, TwinError
from local.twin.live import Live
from local.twin.narrator import Narrator
from local.twin.ports import Ports
from local.twin.twin import SERVE_PORTS, Access, Twin

_ROOT = Path(__file__).resolve().parents[2]
_FOLDER = _ROOT / ".local" / "serve"
_LIVE_FOLDER = _ROOT / ".local" / "serve-live"
_TENANT = "local"
_SPEED = 10.0
_LOOK_S = 1.0
_JOB = '{"kind": "text_to_video", "model": "kling/kling-3.0-turbo", "prompt": "A fox in the snow"}'
_AUTH = '-H "Authorization: Bearer $KEY"'
_JSON = "-H 'Content-Type: application/json'"
_FIRST = r"""sed -nE 's/^\{"job_id":"([^"]+)".*/\1/p'"""
_DOWNLOAD = r"""sed -nE 's/.*"download":"([^"]+)".*/\1/p'"""


def main() -> int:
    """Serve until a signal; return the exit status."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.default_int_handler)
    narrator = Narrator()
    try:
        ports = replace(SERVE_PORTS, front=_port())
        live = read_live(os.environ, _ask_secret)
        if live is not None and not _confirmed(live, narrator):
            narrator.line("Nothing was started.")
            return 1
        with _twin(ports, live, narrator) as twin:
            access = _access(twin)
            _tell_of_last_time(twin, narrator)
            _explain(twin, access, narrator, live)
            while twin.running:
                threading.Event().wait(_LOOK_S)
        narrator.line("\nA part of the twin has ended. `make serve` goes on from its last save.")
        return 1
    except KeyboardInterrupt:
        narrator.line("\nStopped. `make serve` goes on from here; `make clean` forgets it.")
        return 0
    except TwinError as exc:
        narrator.line(str(exc))
        return 1
    return 0


@contextmanager
def _twin(ports: Ports, live: Live | None, narrator: Narrator) -> Iterator[Twin]:
    """Start the twin on the state of last time, or anew where that cannot be used."""
    folder = _FOLDER if live is None else _LIVE_FOLDER
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    kept = (folder / "aws" / "state").exists()
    twin = _described(folder, ports, live, narrator)
    try:
        twin.__enter__()
    except DeployError as exc:
        if not kept or live is not None:  # what was really ordered is never begun anew
            raise
        set_aside = folder.with_name(f"{folder.name}-old")
        shutil.rmtree(set_aside, ignore_errors=True)
        folder.rename(set_aside)
        narrator.line(f"  The state of last time cannot be used: {exc}")
        narrator.line(f"  Beginning anew; it is kept in {set_aside.relative_to(_ROOT)}.")
        twin = _described(folder, ports, live, narrator)
        twin.__enter__()
    try:
        yield twin
    finally:
        twin.__exit__(None, None, None)


def _described(folder: Path, ports: Ports, live: Live | None, narrator: Narrator) -> Twin:
    return Twin(
        folder,
        speed=_SPEED if live is None else 1.0,  # a real vendor is as slow as life
        ports=ports,
        front_is_fixed=True,
        persist=True,
        live=live,
        narrator=narrator,
    )


def _ask_secret(prompt: str) -> str:
    return getpass.getpass(prompt) if sys.stdin.isatty() else ""


def _confirmed(live: Live, narrator: Narrator) -> bool:
    """Say what will be real, and return whether that is wanted."""
    for line in warning(live):
        narrator.line(line)
    if os.environ.get("YES") == "1":
        return True
    if not sys.stdin.isatty():
        narrator.line("Say YES=1 where nobody can be asked.")
        return False
    return input("Type yes to go on: ").strip() == "yes"


def _port() -> int:
    given = os.environ.get("PORT") or str(SERVE_PORTS.front)
    if not given.isdecimal() or not 0 < int(given) < 65536:
        raise TwinError(f"PORT must be a number from 1 to 65535, not {given!r}.")
    return int(given)


def _access(twin: Twin) -> Access:
    """Return the key of last time where it still holds, or a new one."""
    file = twin.folder / "access.json"
    if file.exists():
        access = Access(**json.loads(file.read_text("utf-8")))
        with Api(twin.url, access.api_key) as api:
            if api.http.get("/v1/jobs").is_success:
                return access
    access = twin.issue(_TENANT)
    file.touch(mode=0o600)
    file.write_text(json.dumps(asdict(access)), "utf-8")
    return access


def _tell_of_last_time(twin: Twin, narrator: Narrator) -> None:
    for line in twin.warnings:
        narrator.line(f"  WARNING: {line}")
    for line in twin.resumed:
        narrator.line(f"  {line}")


def _explain(twin: Twin, access: Access, narrator: Narrator, live: Live | None) -> None:
    job = f'curl -sS "$API/v1/jobs/$JOB" {_AUTH}'
    narrator.title(f"Ready: {twin.url}")
    narrator.line(f"  API key:         {access.api_key}")
    narrator.line(f"  Webhook secret:  {access.webhook_secret}")
    narrator.line(f"  AWS endpoint:    {twin.emulator.endpoint_url}")
    narrator.line(f"  Webhook inbox:   {twin.receiver_url}/_receiver/webhooks")
    narrator.line(f"  Functions' log:  {twin.lambda_log_path.relative_to(_ROOT)}")
    if live is None:
        narrator.line(f"\nVendors are simulated, {_SPEED:g} times as fast. Make a video:\n")
    else:
        ordered_usd = twin.ordered_usd(live.vendor)
        narrator.line(f"\n{live.vendor} is REAL. Ordered: ${ordered_usd} of ${live.max_cost_usd}.")
        narrator.line("The other vendors are simulated, as slow as life. Make a video:\n")
    narrator.line(
        f"KEY={access.api_key} API={twin.url}; JOB=$(curl -sS $API/v1/jobs {_AUTH} {_JSON}"
        f" -H \"Idempotency-Key: $(date +%s)\" -d '{_JOB}' | {_FIRST}); echo $JOB"
    )
    narrator.line("\nWatch it (the answer comes with the next change):\n")
    narrator.line(f"{job} -H 'Prefer: wait=20'")
    narrator.line("\nGet a URL of the video, once the job has succeeded:\n")
    narrator.line(f"curl -sS $API$({job} | {_DOWNLOAD}) {_AUTH} {_JSON} -d '{{}}'")
    narrator.line("\nCtrl-C stops everything.")


if __name__ == "__main__":
    sys.exit(main())
