"""AWS clients: one session per process, its clients handed to everything (a second session costs as much as the first)."""

from __future__ import annotations

from functools import cache
from typing import Any

import boto3
from botocore.config import Config

_CONFIG = Config(
    connect_timeout=2,
    read_timeout=10,
    retries={"mode": "standard", "total_max_attempts": 3},
    max_pool_connections=10,
)


@cache
def client(service: str) -> Any:
    """Return the process's client of an AWS service. Region, credentials and endpoint are the environment's."""
    return _session().client(service, config=_CONFIG)


@cache
def _session() -> boto3.session.Session:
    return boto3.session.Session()
