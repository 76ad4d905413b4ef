"""A helper process of the platform (the node, the DNS server), controlled over a socket."""

import asyncio
import contextlib
import os
import socket
import sys
from collections.abc import Mapping
from pathlib import Path

from lbstudy.platform.interface import PlatformError

LINE_LIMIT = 2**24


class Helper:
    """Started with one end of a socket, whose other end this object holds; it ends when that is closed."""

    def __init__(self, name: str, log: Path) -> None:
        self._name = name
        self._log = log
        self._process: asyncio.subprocess.Process | None = None
        self._reader: asyncio.StreamReader | None = None
        self._writer: asyncio.StreamWriter | None = None

    @property
    def pid(self) -> int:
        """The process's id."""
        assert self._process is not None
        return self._process.pid

    async def start(self, module: str, *args: str, env: Mapping[str, str]) -> None:
        """Run ``python -m module *args``, with ``{control}`` and ``{parent}`` replaced.

        Raises PlatformError.
        """
        ours, theirs = socket.socketpair()
        filled = [argument.format(control=theirs.fileno(), parent=os.getpid()) for argument in args]
        try:
            with self._log.open("ab") as log:
                self._process = await asyncio.create_subprocess_exec(
                    sys.executable,
                    "-P",  # do not import from the folder in which the study was started
                    "-m",
                    module,
                    *filled,
                    stdin=asyncio.subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                    env=env,
                    pass_fds=[theirs.fileno()],
                    start_new_session=True,  # Ctrl-C in the terminal is meant for the study alone
                )
        except OSError as error:
            ours.close()
            raise PlatformError(f"cannot start the {self._name}: {error}") from error
        finally:
            theirs.close()
        self._reader, self._writer = await asyncio.open_connection(sock=ours, limit=LINE_LIMIT)

    def send(self, line: bytes) -> None:
        """Send one line; if the process is gone, ``receive`` shows it."""
        if self._writer is not None and not self._writer.is_closing():
            self._writer.write(line)

    async def receive(self) -> bytes:
        """Return the next line; raises PlatformError if the process has ended."""
        assert self._reader is not None
        with contextlib.suppress(ConnectionError):
            line = await self._reader.readline()
            if line.endswith(b"\n"):
                return line
        raise PlatformError(f"the {self._name} has ended unexpectedly; see {self._log}")

    async def stop(self, grace: float) -> None:
        """Close the socket, and wait for the process to end: at most ``grace`` seconds, then SIGKILL."""
        if self._writer is not None:
            self._writer.close()
        process = self._process
        if process is None:
            return
        try:
            async with asyncio.timeout(grace):
                await process.wait()
        except TimeoutError:
            pass
        finally:
            if process.returncode is None:
                with contextlib.suppress(ProcessLookupError):
                    process.kill()
        await process.wait()
