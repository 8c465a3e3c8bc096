"""What stops a deployment."""

from __future__ import annotations

from botocore.exceptions import (
    ClientError,
    CredentialRetrievalError,
    NoCredentialsError,
    NoRegionError,
)

_EXPIRED = {"ExpiredToken", "ExpiredTokenException", "InvalidClientTokenId", "RequestExpired"}


class DeployError(Exception):
    """A deployment cannot go on; the message is one line that names the cure."""


def explain(exc: Exception) -> str:
    """Return an error of AWS in one line that names the cure."""
    if isinstance(exc, NoRegionError):
        return "AWS does not know where: export AWS_DEFAULT_REGION, or set it in your profile."
    code = exc.response.get("Error", {}).get("Code", "") if isinstance(exc, ClientError) else ""
    if isinstance(exc, NoCredentialsError | CredentialRetrievalError) or code in _EXPIRED:
        cure = "sign in with `aws sso login` or `aws configure`."
        return f"AWS does not know who you are ({exc}): {cure}"
    if "AccessDenied" in code:
        return f"Your role may not do that: {exc}"
    return f"AWS refused: {exc}"
