"""`python -m local.simulators`: serve every simulator until Ctrl-C."""

from __future__ import annotations

import argparse
import json
import signal
import sys
import time
from pathlib import Path
from types import FrameType

from pydantic import ValidationError

_LOOK_S = 0.1
_EPILOG = """\
When everything listens, one JSON line is printed:
  {"<vendor>": {"base_url": …, "endpoints": {…}, "files_url": …, "credentials": {…}}, …,
   "receiver": {"base_url": …}}
Ask a simulator what happened: GET <base_url>/_simulator/tasks, GET <base_url>/_simulator/requests.
Change what it does: POST <base_url>/_simulator/scenario (a scenario file) or /_simulator/reset.
Scenario files are described in local/simulators/README.md.
"""


def _arguments(argv: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m local.simulators",
        description="Serve a simulator of every vendor, and a webhook receiver, on local ports.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--scenario", type=Path, metavar="FILE", help="JSON file of faults to inject"
    )
    parser.add_argument(
        "--speed",
        type=float,
        default=1.0,
        metavar="N",
        help="divide generation times by N (default: 1)",
    )
    parser.add_argument(
        "--host", default="127.0.0.1", help="address to listen on (default: 127.0.0.1)"
    )
    parser.add_argument(
        "--port-base",
        type=int,
        default=0,
        metavar="P",
        help="use ports from P on, one for the receiver and two per vendor, not free ones",
    )
    parser.add_argument(
        "--clip-scale",
        type=float,
        default=1.0,
        metavar="X",
        help="draw clips at X times their size (default: 1)",
    )
    parser.add_argument(
        "--state", type=Path, metavar="FOLDER", help="keep tasks and keys there, and go on from it"
    )
    arguments = parser.parse_args(argv)
    if arguments.speed <= 0 or arguments.clip_scale <= 0:
        parser.error("--speed and --clip-scale must be greater than 0")
    return arguments


def main(argv: list[str] | None = None) -> int:
    """Serve until a signal; return the exit status."""
    arguments = _arguments(argv)
    # Imported late, so that --help does not wait for the video libraries.
    from local.simulators.scenario import Scenario
    from local.simulators.simulators import Simulators

    try:
        scenario = Scenario.load(arguments.scenario) if arguments.scenario else Scenario()
    except (OSError, ValidationError) as exc:
        print(f"{arguments.scenario}: {exc}", file=sys.stderr)
        return 2
    endings: list[int] = []

    def end(number: int, frame: FrameType | None) -> None:
        endings.append(number)

    signal.signal(signal.SIGINT, end)
    signal.signal(signal.SIGTERM, end)
    simulators = Simulators(
        scenario,
        speed=arguments.speed,
        host=arguments.host,
        port_base=arguments.port_base,
        clip_scale=arguments.clip_scale,
        prerender=True,
        state=arguments.state,
    )
    with simulators:
        print(json.dumps(simulators.describe()), flush=True)
        # Looked for again and again: a signal that another thread gets wakes nobody who waits.
        while not endings:
            time.sleep(_LOOK_S)
    return 0


if __name__ == "__main__":
    sys.exit(main())
