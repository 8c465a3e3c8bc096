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

_S3 = Config(signature_version="s3v4")
"""Presigned URLs with response overrides need it; botocore would sign them the old way in some Regions."""


@cache
def client(service: str) -> Any:
    """Return the process's client of an AWS service. Region, credentials and endpoint are the environment's."""
    config = _CONFIG.merge(_S3) if service == "s3" else _CONFIG
    return _session().client(service, config=config)


@cache
def _session() -> boto3.session.Session:
    return boto3.session.Session()
