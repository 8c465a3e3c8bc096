"""Dailies: prompts in, finished video out. The runtime package of every Lambda function."""
