"""Checks of what is installed."""

import importlib.util
import platform
import re
import sys
from importlib.metadata import PackageNotFoundError, distribution, entry_points, version

from lbstudy.cli.check import Check, Status

MEASURED_GRPCIO = "1.85"
"""The grpcio whose behaviour the study's explanations describe; another may behave differently."""
OLDEST_PYTHON = (3, 11)


def python() -> Check:
    """The interpreter's version."""
    found = f"{platform.python_version()} ({platform.system()} {platform.machine()})"
    status = Status.OK if sys.version_info >= OLDEST_PYTHON else Status.MISSING
    return Check("Python", status, found, "needs 3.11 or newer")


def grpcio() -> Check:
    """The version of gRPC: what the study's texts say was measured with a certain one."""
    found = version("grpcio")
    status = Status.OK if found.startswith(f"{MEASURED_GRPCIO}.") else Status.NOTE
    advice = f"explanations in the documentation were measured with {MEASURED_GRPCIO}: check them again"
    return Check("grpcio", status, f"{found} (documented with {MEASURED_GRPCIO})", advice)


def packages() -> Check:
    """Whether every package that this one requires is installed."""
    required = [one for one in distribution("grpc-lb-study").requires or [] if "extra ==" not in one]
    missing = [name for name in map(_name, required) if not _installed(name)]
    if missing:
        return Check("packages", Status.MISSING, f"not installed: {', '.join(missing)}", "run scripts/setup")
    return Check("packages", Status.OK, f"all {len(required)} are installed")


def instrumentor() -> Check:
    """Whether opentelemetry-instrument will find the study's instrumentor, through its entry point."""
    names = [one.name for one in entry_points(group="opentelemetry_instrumentor")]
    ours = [name for name in names if name.startswith("grpc_lb")]
    if not ours:
        advice = "run scripts/setup: without grpc-lb-instrumentor, spans do not name their servers"
        return Check("instrumentor", Status.MISSING, "no entry point of grpc-lb-instrumentor", advice)
    return Check("instrumentor", Status.OK, f"found as {', '.join(ours)}, one of {len(names)} instrumentors")


def stubs() -> Check:
    """Whether the services' stubs were generated when they were installed."""
    try:
        found = importlib.util.find_spec("greeter.v1.greeter_pb2_grpc") is not None
    except ModuleNotFoundError:
        found = False
    if not found:
        return Check("stubs", Status.MISSING, "greeter.v1 was not generated", "run scripts/setup")
    return Check("stubs", Status.OK, "greeter.v1")


def _name(requirement: str) -> str:
    match = re.match(r"[A-Za-z0-9._-]+", requirement)
    return match.group() if match else requirement


def _installed(name: str) -> bool:
    try:
        version(name)
    except PackageNotFoundError:
        return False
    return True
