"""Starts a program whose system resolver asks a DNS server of your choice; no other program is affected.

    python3 clients/with_dns.py --dns 127.0.0.1:5353 -- java -jar clients/java/target/greeter-client.jar …

Some gRPC clients take the DNS server from the target (``dns://127.0.0.1:5353/name:port``). Others ignore it
and ask the system's resolver: grpc-java, and grpc-js without GRPC_NODE_USE_ALTERNATIVE_RESOLVER. The system's
resolver always uses port 53. So this program

- gives the started program a mount namespace in which /etc/resolv.conf names one loopback address, and
  /etc/nsswitch.conf says "files dns" for hosts. The rest of the machine does not see these files;
- forwards what arrives at port 53 of that address (UDP and TCP), unchanged, to the DNS server. It sends from
  ``--source``, so that the DNS server's log shows which program asked.

It needs Linux and root (CAP_SYS_ADMIN for the mounts, CAP_NET_BIND_SERVICE for port 53). Without root, run
the whole study in a user namespace, where these are allowed. It needs a network namespace too, so that it has
a loopback device of its own: ``unshare --map-root-user --net --mount sh -c 'ip link set lo up; exec …'``.

Signals are passed on to the started program. Exit status: that program's, or 128 + n if signal n ended it; 2
for a bad option; 1 if something that this program needs is missing. One line on standard error says what.
"""

import argparse
import asyncio
import contextlib
import ctypes
import ipaddress
import os
import signal
import socket
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NoReturn

PORT = 53
_TIMEOUT = 10.0  # s to wait for an answer over UDP
_CLONE_NEWNS = 0x20000  # from sched.h; Python's os module has it from 3.12 on
_MS_BIND, _MS_REC, _MS_PRIVATE = 0x1000, 0x4000, 0x40000  # from sys/mount.h
_NSSWITCH = "passwd: files\ngroup: files\nhosts: files dns\nservices: files\nprotocols: files\n"

_libc = ctypes.CDLL(None, use_errno=True)

Address = tuple[str, int]


class _UnableError(Exception):
    """The program cannot be started this way. The message is one line."""


class _Answers(asyncio.DatagramProtocol):
    """Receives the answers to one query."""

    def __init__(self, answer: Callable[[bytes], None]) -> None:
        self._answer = answer

    def datagram_received(self, data: bytes, addr: Address) -> None:  # noqa: ARG002  # asyncio's signature
        self._answer(data)


class _Queries(asyncio.DatagramProtocol):
    """Forwards each query from a socket of its own, and sends the answer back."""

    def __init__(self, server: Address, source: str) -> None:
        self._server = server
        self._source = source
        self._transport: asyncio.DatagramTransport | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    def connection_made(self, transport: asyncio.DatagramTransport) -> None:  # type: ignore[override]  # it is one
        self._transport = transport

    def datagram_received(self, data: bytes, addr: Address) -> None:
        task = asyncio.ensure_future(self._pass_on(data, addr))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _pass_on(self, query: bytes, client: Address) -> None:
        transport = self._transport
        assert transport is not None
        loop = asyncio.get_running_loop()
        with contextlib.suppress(OSError):
            upstream, _ = await loop.create_datagram_endpoint(
                lambda: _Answers(lambda answer: transport.sendto(answer, client)),
                remote_addr=self._server,
                local_addr=(self._source, 0),
            )
            upstream.sendto(query)
            await asyncio.sleep(_TIMEOUT)
            upstream.close()


def main(argv: Sequence[str] | None = None) -> int:
    """Run the program; returns its exit status."""
    args = _parse(argv)
    try:
        return asyncio.run(_run(args))
    except _UnableError as error:
        sys.stderr.write(f"with_dns: {error}\n")
        return 1


async def _run(args: argparse.Namespace) -> int:
    loop = asyncio.get_running_loop()
    try:
        await loop.create_datagram_endpoint(
            lambda: _Queries(args.dns, args.source), local_addr=(args.listen, PORT)
        )
        await asyncio.start_server(
            lambda reader, writer: _stream(reader, writer, args.dns, args.source), args.listen, PORT
        )
    except OSError as error:
        raise _UnableError(
            f"cannot listen on {args.listen}:{PORT}: {os.strerror(error.errno or 0)}"
        ) from None
    with tempfile.TemporaryDirectory(prefix="with-dns-") as folder:
        pid = _start(args.command, _files(Path(folder), args.listen))
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            loop.add_signal_handler(number, os.kill, pid, number)
        _, status = await asyncio.to_thread(os.waitpid, pid, 0)
    return os.WEXITSTATUS(status) if os.WIFEXITED(status) else 128 + os.WTERMSIG(status)


def _files(folder: Path, nameserver: str) -> dict[str, Path]:
    """Write the files that replace the system's, and return their paths by the path that each replaces."""
    resolv, nsswitch = folder / "resolv.conf", folder / "nsswitch.conf"
    resolv.write_text(f"nameserver {nameserver}\n")
    nsswitch.write_text(_NSSWITCH)
    return {"/etc/resolv.conf": resolv, "/etc/nsswitch.conf": nsswitch}


def _start(command: Sequence[str], mounts: dict[str, Path]) -> int:
    """Start the program in a mount namespace of its own and return its process id; raises _UnableError."""
    parent = os.getpid()
    ready_reader, tell = os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            os.close(ready_reader)
            _libc.prctl(1, int(signal.SIGTERM), 0, 0, 0)  # PR_SET_PDEATHSIG: end when this program ends
            if os.getppid() != parent:
                os._exit(1)
            _isolate(mounts)
            os.execvp(command[0], list(command))  # noqa: S606  # it closes the pipe, so the parent knows
        except (OSError, _UnableError) as error:
            reason = f"{command[0]}: {error.strerror}" if isinstance(error, OSError) else str(error)
            os.write(tell, reason.encode())
        finally:
            os._exit(127)
    os.close(tell)
    with os.fdopen(ready_reader, "rb") as pipe:
        reason = pipe.read().decode()
    if reason:
        os.waitpid(pid, 0)
        raise _UnableError(reason)
    return pid


def _isolate(mounts: dict[str, Path]) -> None:
    if _libc.unshare(_CLONE_NEWNS) != 0:
        raise _UnableError(
            f"cannot make a mount namespace (root is needed): {os.strerror(ctypes.get_errno())}"
        )
    _mount(None, "/", _MS_REC | _MS_PRIVATE)
    for target, source in mounts.items():
        if Path(target).exists():
            _mount(str(source), str(Path(target).resolve()), _MS_BIND)
        elif target == "/etc/resolv.conf":
            raise _UnableError("/etc/resolv.conf does not exist, so no other file can be mounted over it")


def _mount(source: str | None, target: str, flags: int) -> None:
    encoded = None if source is None else source.encode()
    if _libc.mount(encoded, target.encode(), None, ctypes.c_ulong(flags), None) != 0:
        raise _UnableError(f"cannot mount over {target}: {os.strerror(ctypes.get_errno())}")


async def _stream(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, server: Address, source: str
) -> None:
    with contextlib.suppress(OSError):
        server_reader, server_writer = await asyncio.open_connection(*server, local_addr=(source, 0))
        await asyncio.gather(_copy(reader, server_writer), _copy(server_reader, writer))
    writer.close()


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
    writer.close()


def _parse(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = _Parser(
        prog="with_dns", description="Run a program whose system resolver asks a DNS server of your choice."
    )
    parser.add_argument("--dns", required=True, type=_address, help="IP:PORT of the DNS server")
    parser.add_argument(
        "--listen",
        type=_loopback,
        help="a loopback address whose port 53 is free; each program needs its own (from the process id)",
    )
    parser.add_argument(
        "--source",
        type=_loopback,
        help="the loopback address that the DNS server sees (the address of --listen)",
    )
    parser.add_argument("command", nargs="+", help="the program and its arguments, after --")
    args = parser.parse_args(argv)
    if args.listen is None:
        pid = os.getpid()
        args.listen = f"127.53.{pid >> 8 & 0xFF}.{max(1, pid & 0xFF)}"
    args.source = args.source or args.listen
    return args


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        self.exit(2, f"{self.prog}: error: {' '.join(message.split())}\n")


def _address(text: str) -> Address:
    host, _, port = text.rpartition(":")
    try:
        ipaddress.IPv4Address(host)
        socket.inet_aton(host)
        return host, int(port)
    except (ValueError, OSError):
        raise argparse.ArgumentTypeError(f"{text!r} is not IP:PORT") from None


def _loopback(text: str) -> str:
    try:
        if ipaddress.IPv4Address(text).is_loopback:
            return text
    except ValueError:
        pass
    raise argparse.ArgumentTypeError(f"{text!r} is not an address of 127.0.0.0/8")


if __name__ == "__main__":
    sys.exit(main())
