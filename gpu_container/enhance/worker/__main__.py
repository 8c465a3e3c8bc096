"""`python -m enhance.worker`: pull tasks of enhancement from a queue, and carry them out."""

from __future__ import annotations

import argparse
import logging
import secrets
import socket
import sys
from collections.abc import Sequence
from os import getpid

from enhance import settings
from enhance.exits import ExitCode
from enhance.worker.child import ChildRunner
from enhance.worker.cloud import Addresses, DeniedError, connect
from enhance.worker.devices import best_device
from enhance.worker.loop import Worker
from enhance.worker.secrecy import hide_from_children
from enhance.worker.stop import Stop

_LOG = logging.getLogger("enhance.worker")
_EPILOG = """It needs credentials with the policy that the stack's output WorkerPolicyArn names, in
any way that AWS SDKs take them. `python -m tools.worker --stage dev` prints the whole command.
SIGTERM or Ctrl-C: it checkpoints the task and gives it back, then ends; a second one ends it."""


def main(argv: Sequence[str]) -> int:
    """Serve until stopped; returns the exit status."""
    args = _parser().parse_args(argv)
    hide_from_children()
    logging.basicConfig(
        stream=sys.stderr, level=logging.WARNING, format="%(asctime)s %(levelname)s %(message)s"
    )
    _LOG.setLevel(logging.INFO)
    device = best_device() if args.device == "auto" else args.device
    worker = f"{socket.gethostname()[:60]}-{getpid()}-{secrets.token_hex(4)}"
    addresses = Addresses(args.queue, args.lease_function, args.finish_function)
    stop = Stop()
    stop.on_signals()
    runner = ChildRunner(
        settings.without_credentials(), device=None if args.device == "auto" else args.device
    )
    cloud = connect(addresses, worker=worker, device=device)
    _LOG.info("worker %s, best device %s: waiting for tasks", worker, device)
    try:
        Worker(cloud, runner, stop).serve(once=args.once)
    except DeniedError as error:
        _LOG.error("%s. Are these the worker's credentials?", error)
        return int(ExitCode.BAD_INPUT)
    _LOG.info("worker %s: stopped", worker)
    return int(ExitCode.OK)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m enhance.worker",
        description="Pull tasks of enhancement from a queue, and carry them out one at a time.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--queue", required=True, metavar="URL", help="output WorkerQueueUrl")
    parser.add_argument(
        "--lease-function", required=True, metavar="ARN", help="output LeaseTaskArn"
    )
    parser.add_argument(
        "--finish-function", required=True, metavar="ARN", help="output FinishTaskArn"
    )
    parser.add_argument(
        "--device",
        choices=["auto", "cpu", "cuda"],
        default="auto",
        help="for tasks that leave it open (default: the best there is)",
    )
    parser.add_argument(
        "--once", action="store_true", help="end after one message, or after 20 s without one"
    )
    return parser


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
