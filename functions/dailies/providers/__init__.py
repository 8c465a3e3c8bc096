"""Vendors, one file each: the only place that knows a vendor's words.

`docs/adding_a_provider.md` tells how to add one.
"""

from dailies.providers._discovery import Registry, names

__all__ = ["Registry", "names"]
