"""Runs every measurement; each prints one line of JSON. Exit status 1 where a goal is missed."""

from __future__ import annotations

import sys

from bench import cold_start, store

if __name__ == "__main__":
    sys.exit(max([cold_start.main([]), store.main([])]))
