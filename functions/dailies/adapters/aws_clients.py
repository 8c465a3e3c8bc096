"""AWS clients: one session per process, its clients handed to everything.

A second session costs as much as the first. It is botocore's own: boto3 makes the same clients, but
imports a transfer manager that nothing here uses (a tenth of a cold start).
"""

from __future__ import annotations

from functools import cache
from typing import Any

import botocore.session
from botocore.config import Config

_CONFIG = Config(
    connect_timeout=2,
    read_timeout=10,
    retries={"mode": "standard", "total_max_attempts": 3},
)
_S3 = Config(signature_version="s3v4")
"""Presigned URLs with response overrides need it; in some Regions botocore signs the old way."""


@cache
def client(service: str) -> Any:
    """Return the process's client of an AWS service, as the environment configures it."""
    config = _CONFIG.merge(_S3) if service == "s3" else _CONFIG
    create: Any = _session().create_client  # its stubs want a literal name
    return create(service, config=config)


@cache
def _session() -> botocore.session.Session:
    return botocore.session.get_session()
