"""What the demo fails with."""


class DemoError(Exception):
    """Something was not as it must be; the message is one line that says what."""
