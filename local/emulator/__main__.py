"""Run the local AWS: ``python -m local.emulator --port 4566 --state-dir .local``."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from local.emulator.corrections import CorrectionError
from local.emulator.server import run
from local.emulator.settings import EmulatorOptions


def main() -> int:
    """Parse the command line and serve until stopped."""
    parser = argparse.ArgumentParser(prog="local.emulator", description=__doc__)
    parser.add_argument("--port", type=int, default=0, help="0 takes a free one")
    parser.add_argument("--state-dir", type=Path, required=True, help="state and logs go here")
    parser.add_argument("--speed", type=float, default=1.0, help="how much faster waits pass")
    parser.add_argument("--persist", action="store_true", help="keep the state for the next start")
    parser.add_argument("--uncorrected", action="store_true", help="run MiniStack as it is")
    parser.add_argument("--stop-with-stdin", action="store_true", help="stop when stdin closes")
    arguments = parser.parse_args()
    if arguments.speed <= 0:
        parser.error("--speed must be above 0")
    options = EmulatorOptions(
        state_dir=arguments.state_dir.resolve(),
        port=arguments.port,
        speed=arguments.speed,
        persist=arguments.persist,
        corrected=not arguments.uncorrected,
        stop_with_stdin=arguments.stop_with_stdin,
    )
    try:
        run(options)
    except (CorrectionError, OSError) as error:
        sys.stderr.write(f"local.emulator: {error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
