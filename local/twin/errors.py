"""What stops the twin."""


class TwinError(Exception):
    """The twin cannot go on; the message is one line that names the reason and the log."""
