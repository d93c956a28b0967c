"""Let the C library keep freed memory for the next tensor of the same size."""

import ctypes
import sys

_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3  # of malloc.h
KEPT = 32 * 2**20
"""Bytes of the largest blocks that are kept, the most that glibc allows."""


def keep_freed_memory() -> bool:
    """Stop glibc from handing blocks of some megabytes back to the system at every turn.

    Training allocates and frees the same sizes thousands of times, and otherwise spends a good part
    of its time on pages that the system has to find and clear again. Larger blocks, such as the
    tables of a large catalogue, are still handed back. It holds for the process, so it belongs
    where one is in charge of it: `run_experiment` and programs, not functions of tensors.

    Returns
    -------
    bool
        Whether this system has a C library that knows the setting.
    """
    if sys.platform != "linux":
        return False
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (OSError, AttributeError):  # another C library
        return False
    return bool(mallopt(_M_MMAP_THRESHOLD, KEPT) and mallopt(_M_TRIM_THRESHOLD, 16 * KEPT))
