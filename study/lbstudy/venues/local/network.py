"""Checks of the loopback network and of gRPC's DNS resolver."""

import os
import socket
import time

from lbstudy.direct import NO_PROXY
from lbstudy.run.check import Check, CheckStatus

ADDRESSES = ("127.0.0.1", "127.0.1.1", "127.255.255.254")
SERVER_PORT = 50051
RESOLVER_VARIABLE = "GRPC_DNS_RESOLVER"
PROBE_TIMEOUT = 5.0  # s


def loopback() -> Check:
    """Check that any address of 127.0.0.0/8 can be bound: each server gets an address of its own."""
    failed = []
    for address in ADDRESSES:
        try:
            with socket.socket() as probe:
                probe.bind((address, 0))
        except OSError as error:
            failed.append(f"{address} ({error.strerror})")
    if failed:
        advice = "each server gets a loopback address of its own; on macOS: ifconfig lo0 alias 127.0.1.1"
        return Check("loopback", CheckStatus.MISSING, f"cannot bind {', '.join(failed)}", advice)
    return Check("loopback", CheckStatus.OK, f"127.0.0.0/8 can be bound (tried {', '.join(ADDRESSES)})")


def port() -> Check:
    """Check that the servers' port is free on a loopback address, and not taken on all addresses."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((ADDRESSES[-1], SERVER_PORT))
        except OSError as error:
            advice = f"something listens on every address at port {SERVER_PORT}: end it before a run"
            return Check(
                "port", CheckStatus.MISSING, f"{ADDRESSES[-1]}:{SERVER_PORT}: {error.strerror}", advice
            )
    return Check("port", CheckStatus.OK, f"{SERVER_PORT} is free")


def resolver() -> Check:
    """Check that gRPC asks the DNS server that a target names, by waiting for a packet there.

    Only gRPC's c-ares resolver does; ``native`` would silently ask the system's DNS server instead.
    """
    chosen = os.environ.get(RESOLVER_VARIABLE)
    shown = f"{RESOLVER_VARIABLE}={chosen}" if chosen else f"{RESOLVER_VARIABLE} is not set"
    remedy = f"unset {RESOLVER_VARIABLE}" if chosen else "use another build of grpcio"
    advice = f"needs gRPC's c-ares resolver: {remedy}"
    took = _query_arrives()
    if took is None:
        return Check(
            "DNS resolver", CheckStatus.MISSING, f"no query reached the target's DNS server ({shown})", advice
        )
    return Check("DNS resolver", CheckStatus.OK, f"a query arrived after {took * 1000:.0f} ms ({shown})")


def _query_arrives() -> float | None:
    """Have a channel resolve a name at a DNS server of our own; returns after how many seconds it asked."""
    import grpc  # noqa: PLC0415 - quick unless it is called for

    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
        server.bind(("127.0.0.1", 0))
        server.settimeout(PROBE_TIMEOUT)
        started = time.monotonic()
        target = f"dns://127.0.0.1:{server.getsockname()[1]}/probe.invalid:1"
        with grpc.insecure_channel(target, options=[NO_PROXY]) as channel:
            probe: grpc.UnaryUnaryMultiCallable[bytes, bytes] = channel.unary_unary("/probe.Probe/Probe")
            call = probe.future(b"", timeout=PROBE_TIMEOUT)
            try:
                server.recvfrom(512)
            except TimeoutError:
                return None
            finally:
                call.cancel()
            return time.monotonic() - started
