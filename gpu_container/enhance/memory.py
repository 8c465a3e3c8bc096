"""How glibc keeps memory. Imports nothing large: it is called before anything allocates."""

from __future__ import annotations

import ctypes
import sys

_M_TRIM_THRESHOLD, _M_TOP_PAD, _M_MMAP_THRESHOLD = -1, -2, -3
_MALLOC = {
    _M_MMAP_THRESHOLD: 32 << 20,  # the most that glibc takes
    _M_TRIM_THRESHOLD: (1 << 31) - 1,
    _M_TOP_PAD: 256 << 20,
}


def keep_memory() -> bool:
    """Tell glibc to keep freed memory for the next frame instead of giving it back.

    Feature maps are megabytes large: by default each is mapped, page-faulted and unmapped again,
    frame by frame. The same as the variables `MALLOC_MMAP_THRESHOLD_`, `MALLOC_TRIM_THRESHOLD_`
    and `MALLOC_TOP_PAD_`, which only a new process would read. Returns whether glibc took it.
    """
    if not sys.platform.startswith("linux"):
        return False
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is None:  # another C library
        return False
    return all([bool(mallopt(name, value)) for name, value in _MALLOC.items()])
