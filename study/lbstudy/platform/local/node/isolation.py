"""A DNS server for the system's resolver of a single process, by a mount namespace (Linux)."""

import ctypes
import os
from pathlib import Path

_CLONE_NEWNS = 0x00020000
_MS_BIND, _MS_REC, _MS_PRIVATE = 0x1000, 0x4000, 0x40000
_RESOLV_CONF = Path("/etc/resolv.conf")
_NSSWITCH = Path("/etc/nsswitch.conf")

_libc = ctypes.CDLL(None, use_errno=True)


def own_resolv_conf(path: str) -> None:
    """Make this process and its children see a file as /etc/resolv.conf; other processes are unaffected.

    The file beside it whose name ends in .nsswitch is seen as /etc/nsswitch.conf.

    Raises OSError; its message is one for the user.
    """
    if _libc.unshare(_CLONE_NEWNS) != 0:
        raise _error('resolver = "system" needs a mount namespace, for which root is needed')
    _mount(None, Path("/"), _MS_REC | _MS_PRIVATE)
    if not _RESOLV_CONF.exists():
        raise OSError("/etc/resolv.conf does not exist, so no other file can be mounted over it")
    _mount(path, _RESOLV_CONF.resolve(), _MS_BIND)
    if _NSSWITCH.exists():  # without the file, DNS is used anyway
        _mount(str(Path(path).with_suffix(".nsswitch")), _NSSWITCH.resolve(), _MS_BIND)


def _mount(source: str | None, target: Path, flags: int) -> None:
    encoded = None if source is None else source.encode()
    if _libc.mount(encoded, str(target).encode(), None, ctypes.c_ulong(flags), None) != 0:
        raise _error(f"cannot mount over {target}")


def _error(text: str) -> OSError:
    return OSError(f"{text}: {os.strerror(ctypes.get_errno()).lower()}")
