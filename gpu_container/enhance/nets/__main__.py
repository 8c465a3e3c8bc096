"""`python -m enhance.nets`: the nets that ship, as JSON."""

from __future__ import annotations

import json
import sys

from enhance.nets import describe

if __name__ == "__main__":
    json.dump(describe(), sys.stdout, indent=2)
    sys.stdout.write("\n")
