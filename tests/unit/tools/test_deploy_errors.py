"""Errors of AWS in one line, with the cure."""

from __future__ import annotations

import pytest
from botocore.exceptions import EndpointConnectionError, NoCredentialsError, NoRegionError

from tests.unit.tools.cloud import refused
from tools.deploy.errors import explain


@pytest.mark.parametrize(
    ("error", "cure"),
    [
        (NoRegionError(), "export AWS_DEFAULT_REGION"),
        (NoCredentialsError(), "aws sso login"),
        (refused("ExpiredToken"), "aws sso login"),
        (refused("AccessDeniedException"), "Your role may not do that"),
        (refused("Throttling"), "AWS refused"),
        (EndpointConnectionError(endpoint_url="https://sts"), "AWS refused"),
    ],
)
def test_cure_is_named_when_aws_refuses(error: Exception, cure: str) -> None:
    told = explain(error)

    assert cure in told
    assert "\n" not in told
