"""`python -m enhance COMMAND`: one module per command, imported when it is called.

A command's module holds `add_arguments(parser)` and `run(args) -> exit status`, which raises
EnhanceError for what went wrong.
"""

from __future__ import annotations

import argparse
import sys
import traceback
from collections.abc import Sequence
from importlib import import_module
from typing import Any, NoReturn

from enhance.errors import EnhanceError
from enhance.exits import ExitCode

_COMMANDS = {
    "all": ("enhance.cli.whole", "enhance a video from beginning to end on this machine"),
    "plan": ("enhance.cli.plan", "read the source, and cut the work into chunks"),
    "run": ("enhance.cli.run", "enhance chunks that nobody has done yet"),
    "assemble": ("enhance.cli.assemble", "join the finished chunks, and publish the result"),
    "probe": ("enhance.cli.probe", "say what this machine, or a video, is"),
    "analyze": ("enhance.analysis.command", "measure a video, also against a reference"),
    "train": ("enhance.training.command", "train the nets that are shipped"),
}

_EPILOG = f"""exit status:
  {ExitCode.OK:>3}  done
  {ExitCode.PARTIAL_INPUT:>3}  done as far as the source can be decoded: it is damaged
  {ExitCode.BAD_INPUT:>3}  the source, the spec or the command line is not usable
  {ExitCode.NO_DEVICE:>3}  a GPU was demanded, and there is none
  {ExitCode.OUT_OF_MEMORY:>3}  out of memory even at the smallest tile
  {ExitCode.INTERNAL:>3}  a defect of the program, or storage that fails
  {ExitCode.INTERRUPTED:>3}  interrupted: run the same command again, and it goes on

A video for a start:
  python -m enhance all --input holiday.mp4 --output holiday-720p.mp4 --height 720
"""


class _Parser(argparse.ArgumentParser):
    """Ends with the table's status for bad input, not with argparse's own 2."""

    def error(self, message: str) -> NoReturn:
        self.print_usage(sys.stderr)
        self.exit(ExitCode.BAD_INPUT, f"{self.prog}: {message}\n")


def main(argv: Sequence[str]) -> int:
    """Run one command and return the process's exit status."""
    args = _parser(argv).parse_args(argv)
    try:
        return int(args.run(args))
    except EnhanceError as error:
        sys.stderr.write(f"{error.exit_code.outcome} ({error.code}): {error}\n")
        return int(error.exit_code)
    except KeyboardInterrupt:
        # before a run has begun: from then on Ctrl-C is a request to stop
        return int(ExitCode.INTERRUPTED)
    except Exception:
        # Python's own 1 is not in the table
        traceback.print_exc(file=sys.stderr)
        return int(ExitCode.INTERNAL)


def _parser(argv: Sequence[str]) -> argparse.ArgumentParser:
    parser = _Parser(
        prog="python -m enhance",
        description="Make videos larger, cleaner and smoother, without losing anything of them.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    for name, (module, summary) in _COMMANDS.items():
        command = commands.add_parser(name, help=summary, description=f"{summary.capitalize()}.")
        if argv and argv[0] == name:
            found: Any = import_module(module)
            found.add_arguments(command)
            command.set_defaults(run=found.run)
    return parser
