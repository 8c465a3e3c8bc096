"""What the local AWS is started with, and the environment that carries it to MiniStack."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

REGION = "us-east-1"
ACCOUNT_ID = "000000000000"
"""The account of every access key that is not 12 digits."""

HOST = "127.0.0.1"
READY_FILE = "emulator.json"
"""Written into the state folder once the port is bound: ``{"port": ..., "pid": ...}``."""

LAMBDA_LOG = "lambda.log"
LAMBDA_CONCURRENCY = 24
"""Functions that may run at once: each is a process of about 60 MB that stays for a while."""

LAMBDA_IDLE_S = 60
"""How long a surplus worker process outlives its last invocation."""

SAVE_INTERVAL_S = 3.0
"""How much of the state a killed emulator may lose."""

_INHERITED = (
    "PATH",
    "HOME",
    "LANG",
    "LC_ALL",
    "LC_CTYPE",
    "TZ",
    "SSL_CERT_FILE",
    "LD_LIBRARY_PATH",
    "DYLD_LIBRARY_PATH",
    "SYSTEMROOT",
)


@dataclass(frozen=True, slots=True)
class EmulatorOptions:
    """How one emulator process runs."""

    state_dir: Path
    """Holds everything it writes: state, logs, unpacked functions."""

    port: int = 0
    """0 takes a free one."""

    speed: float = 1.0
    """How many times faster than life the workflows' waits, time-outs and schedules run."""

    persist: bool = False
    """Whether state outlives the process."""

    corrected: bool = True
    """False runs MiniStack as it is, for the tests that watch for upstream's own repairs."""

    stop_with_stdin: bool = False
    """Whether the end of standard input (the parent is gone) stops the process."""


def inherited_environment() -> dict[str, str]:
    """Return the part of our environment that children may see.

    Vendor keys, AWS profiles, proxies and ``PYTHONPATH`` stay behind: a function must find only
    what its template gives it.
    """
    return {name: os.environ[name] for name in _INHERITED if name in os.environ}


def ministack_environment(options: EmulatorOptions, port: int) -> dict[str, str]:
    """Return MiniStack's settings for these options; it reads them when it is imported."""
    state_dir = options.state_dir
    persist = "1" if options.persist else "0"
    return {
        "GATEWAY_PORT": str(port),
        "BIND_HOST": HOST,
        "MINISTACK_REGION": REGION,
        "AWS_DEFAULT_REGION": REGION,
        "AUTH": "true",
        "PERSIST_STATE": persist,
        "STATE_DIR": str(state_dir / "state"),
        "S3_PERSIST": persist,
        "S3_DATA_DIR": str(state_dir / "s3"),
        "TMPDIR": str(state_dir / "tmp"),
        "SFN_WAIT_SCALE": repr(1.0 / options.speed),
        "LAMBDA_EXECUTOR": "local",
        "LAMBDA_ACCOUNT_CONCURRENCY": str(LAMBDA_CONCURRENCY),
        "LAMBDA_WARM_TTL_SECONDS": str(LAMBDA_IDLE_S),
        # Listeners on fixed ports, and the look for a container daemon, that nothing here needs.
        "SFTP_ENABLED": "0",
        "IOT_MTLS_ENABLED": "0",
        "DOCKER_HOST": f"unix://{state_dir / 'no-docker.sock'}",
    }


def enter_environment(variables: Mapping[str, str]) -> None:
    """Set these variables for this process and for its children."""
    os.environ.update(variables)
