"""Lambda entry points, one per file: parse the event, call one service, answer."""
