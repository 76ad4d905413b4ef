"""Starts the tap: as a process, or in a thread where that failed again and again."""

import contextlib
import json
import os
import socket
import subprocess
import sys
import threading
from pathlib import Path

import dns

# The two packages above the tap's are entered without their __init__, which would bring in gRPC and more.
_BOOT = """
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
# What an interpreter may need to find its own libraries. Nothing else: PYTHONPATH would bring in the
# auto-instrumentation's sitecustomize, and GRPC_* and OTEL_* are the application's.
_KEPT = ("PATH", "LD_LIBRARY_PATH", "LANG", "LC_ALL", "SYSTEMROOT")


class TapProcess:
    """A running tap process and our end of the link. Raises OSError when it cannot be started."""

    def __init__(self) -> None:
        if not sys.executable:
            raise FileNotFoundError("no Python interpreter is known")
        self.link, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            self._process = subprocess.Popen(
                # No site: its .pth files are in the path that is handed over.
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

    @property
    def pid(self) -> int:
        """The process's id."""
        return self._process.pid

    def end(self, patience: float) -> None:
        """Hang up, wait so many seconds, then kill. May be called twice."""
        _hang_up(self.link)
        try:
            self._process.wait(patience)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def forget(self) -> None:
        """After a fork, in the child: the tap is the parent's."""
        self.link.close()
        self._process.returncode = 0  # so that the object does not wait for what is not its child


class TapThread:
    """The tap in a thread of this process: slower beside a busy application, but always there."""

    pid = None

    def __init__(self) -> None:
        from grpc_lb_instrumentor.discovery.tap.process import run_in_thread  # noqa: PLC0415 - asyncio, only now

        self.link, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
        self._thread = threading.Thread(
            target=run_in_thread, args=(theirs,), name="grpc-lb-tap-inline", daemon=True
        )
        self._thread.start()

    def end(self, patience: float) -> None:
        """Hang up and wait so many seconds."""
        _hang_up(self.link)
        self._thread.join(patience)

    def forget(self) -> None:
        """After a fork, in the child: the thread does not exist here."""
        self.link.close()


def _arguments(link_fd: int) -> str:
    """The link, this process, its module path (dnspython's folder in any case), our packages' folders."""
    path = [*(str(Path(entry).absolute()) for entry in sys.path), str(Path(dns.__path__[0]).parent)]
    packages = {
        "grpc_lb_instrumentor": str(_DISCOVERY.parent),
        "grpc_lb_instrumentor.discovery": str(_DISCOVERY),
    }
    return json.dumps([link_fd, os.getpid(), path, packages])


def _hang_up(link: socket.socket) -> None:
    with contextlib.suppress(OSError):
        link.shutdown(socket.SHUT_RDWR)
    link.close()
