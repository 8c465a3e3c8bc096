"""What stops a deployment."""

from __future__ import annotations


class DeployError(Exception):
    """A deployment cannot go on; the message is one line that names the cure."""
