"""Starts the tap: as a process that is not the application's child, or else in a thread.

A program may wait until it has no more children, so the tap must not be one. The interpreter that is started
forks and ends at once, while the application opens its channel. The tap's new parent is the process that
adopts orphans. If that is the application itself, it would see the tap after all.
"""

import contextlib
import json
import os
import socket
import struct
import subprocess
import sys
import threading
from pathlib import Path
from typing import Protocol

# Fork first. Import the tap without the __init__ of the two packages above it, which would import gRPC.
_BOOT = """
import os
if os.fork():
    os._exit(0)
os.setsid()
import json, sys, types
link, parent, path, packages = json.loads(sys.argv[1])
sys.path[:] = path
for name, folder in packages.items():
    sys.modules[name] = types.ModuleType(name)
    sys.modules[name].__path__ = [folder]
from grpc_lb_instrumentor.discovery.tap.process import main
main(link, parent)
"""
_DISCOVERY = Path(__file__).resolve().parent.parent
# What an interpreter may need to find its own libraries, and nothing else: PYTHONPATH would bring in the
# auto-instrumentation's sitecustomize, and GRPC_* and OTEL_* are meant for the application.
_KEPT = ("PATH", "LD_LIBRARY_PATH", "LANG", "LC_ALL", "SYSTEMROOT")
_TIMEVAL = struct.Struct("@ll")
_SEND_LIMIT = 1.0  # s; if the tap reads nothing for so long, it is given up, and the application goes on


class Tap(Protocol):
    """A running tap, and our end of the link to it."""

    link: socket.socket

    def hang_up(self) -> None:
        """Ask the tap to end; it reports what it has, and closes its end of the link."""

    def end(self) -> None:
        """Clean up after the link has ended."""

    def forget(self) -> None:
        """Drop it, in the child after a fork: the tap belongs to the parent."""


class TapProcess:
    """The tap as a process of its own. Raises OSError if it cannot be started."""

    def __init__(self, patience: float) -> None:
        """Start it, and wait up to ``patience`` seconds until it is no longer our child."""
        if not sys.executable:
            raise FileNotFoundError("no Python interpreter is known")
        self.link, theirs = _pair()
        try:
            self._first = subprocess.Popen(
                # No site module: its .pth files are already in the path that is passed.
                [sys.executable, "-I", "-S", "-c", _BOOT, _arguments(theirs.fileno())],
                pass_fds=(theirs.fileno(),),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,  # never keep the application's pipe open
                env={name: os.environ[name] for name in _KEPT if name in os.environ},
            )
        except BaseException:
            self.link.close()
            raise
        finally:
            theirs.close()
        with contextlib.suppress(subprocess.TimeoutExpired):  # it is only slow; `end` waits for it
            if self._first.wait(patience) != 0:
                self.link.close()
                raise OSError("the tap's interpreter failed")

    def hang_up(self) -> None:
        """See `Tap`."""
        _hang_up(self.link)

    def end(self) -> None:
        """See `Tap`."""
        self.link.close()
        if self._first.poll() is None:
            self._first.kill()
            self._first.wait()

    def forget(self) -> None:
        """See `Tap`."""
        self.link.close()
        self._first.returncode = 0  # so that the object does not wait for a process that is not its child


class TapThread:
    """The tap in a thread of this process: slower in a busy application, but always possible."""

    def __init__(self) -> None:
        from grpc_lb_instrumentor.discovery.tap.process import run_in_thread  # noqa: PLC0415 - asyncio, only now

        self.link, self._theirs = _pair()
        self._thread = threading.Thread(
            target=run_in_thread, args=(self._theirs,), name="grpc-lb-tap-inline", daemon=True
        )
        self._thread.start()

    def hang_up(self) -> None:
        """See `Tap`."""
        _hang_up(self.link)

    def end(self) -> None:
        """See `Tap`."""
        self.link.close()
        self._thread.join(1.0)

    def forget(self) -> None:
        """See `Tap`. The thread does not exist in the child."""
        self.link.close()
        self._theirs.close()


def limit_receiving(link: socket.socket, seconds: float | None) -> None:
    """Limit how long a `recv` waits before it raises BlockingIOError (None: no limit); not for sending."""
    link.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, _timeval(seconds or 0.0))


def _pair() -> tuple[socket.socket, socket.socket]:
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
    ours.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, _timeval(_SEND_LIMIT))
    return ours, theirs


def _timeval(seconds: float) -> bytes:
    whole = int(seconds)
    return _TIMEVAL.pack(whole, int((seconds - whole) * 1e6))


def _arguments(link_fd: int) -> str:
    """Return the tap's arguments: the link, this process, its module path, our packages' folders."""
    path = [str(Path(entry).absolute()) for entry in sys.path]
    packages = {
        "grpc_lb_instrumentor": str(_DISCOVERY.parent),
        "grpc_lb_instrumentor.discovery": str(_DISCOVERY),
    }
    return json.dumps([link_fd, os.getpid(), path, packages])


def _hang_up(link: socket.socket) -> None:
    with contextlib.suppress(OSError):
        link.shutdown(socket.SHUT_WR)
