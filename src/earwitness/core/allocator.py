"""Memory that a process keeps for its next batch instead of giving it back."""

from __future__ import annotations

import ctypes
import sys

MMAP_THRESHOLD, TRIM_THRESHOLD = -3, -1  # parameters of glibc's mallopt
KEEP_BYTES = 2**30
GLIBC_DEFAULT_BYTES = 128 * 1024


def keep_freed_memory(*, enabled: bool = True) -> bool:
    """Let the C library keep freed memory, so that every batch does not ask the system for new pages.

    Large tensors on the CPU are otherwise mapped afresh, page by page, for every layer of every pass. The setting is
    the whole process's: the command line uses it, importing the package does not.

    Args:
        enabled: False goes back to the library's fixed default thresholds.

    Returns:
        Whether the setting took effect; False where the C library is not glibc.
    """
    if not sys.platform.startswith("linux"):
        return False
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is None:
        return False
    size = KEEP_BYTES if enabled else GLIBC_DEFAULT_BYTES
    return bool(mallopt(MMAP_THRESHOLD, size)) and bool(mallopt(TRIM_THRESHOLD, size))
