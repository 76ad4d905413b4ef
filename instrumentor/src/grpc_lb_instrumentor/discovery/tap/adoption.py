"""Finds whether the application would become the tap's parent, and would notice when the tap ends."""

import contextlib
import ctypes
import os
import signal
import sys

_PR_GET_CHILD_SUBREAPER = 37


def adopts_orphans() -> bool:
    """Return whether this process adopts orphans: it is its container's first, or a subreaper."""
    return os.getpid() == 1 or _is_subreaper()


def handles_sigchld() -> bool:
    """Return whether the application handles SIGCHLD; its handler may wait for any child."""
    return callable(signal.getsignal(signal.SIGCHLD))


def _is_subreaper() -> bool:
    if sys.platform != "linux":
        return False
    flag = ctypes.c_int(0)
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(_PR_GET_CHILD_SUBREAPER, ctypes.byref(flag), 0, 0, 0)
    return flag.value != 0
