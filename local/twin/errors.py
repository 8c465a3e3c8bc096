"""What stops the twin."""


class TwinError(Exception):
    """The twin cannot go on; the message is one line that names the reason and the log."""


class DeployError(TwinError):
    """The stacks could not be deployed."""
