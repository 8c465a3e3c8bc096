"""`python -m enhance`: see `enhance.cli`."""

from __future__ import annotations

import sys

from enhance.memory import keep_memory

if __name__ == "__main__":
    keep_memory()

    from enhance.cli import main

    sys.exit(main(sys.argv[1:]))
