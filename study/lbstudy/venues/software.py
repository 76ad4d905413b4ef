"""Checks of installed software."""

import importlib.util
import platform
import re
import sys
from importlib.metadata import PackageNotFoundError, distribution, entry_points, version

from lbstudy.run.check import Check, CheckStatus

MEASURED_GRPCIO = "1.85"
"""The version of grpcio that the study's explanations are about; another may behave differently."""
OLDEST_PYTHON = (3, 11)


def python() -> Check:
    """Check the interpreter's version."""
    text = f"{platform.python_version()} ({platform.system()} {platform.machine()})"
    status = CheckStatus.OK if sys.version_info >= OLDEST_PYTHON else CheckStatus.MISSING
    return Check("Python", status, text, "needs 3.11 or newer")


def grpcio() -> Check:
    """Check the version of gRPC: the study's texts say what was measured with a certain version."""
    installed = version("grpcio")
    status = CheckStatus.OK if installed.startswith(f"{MEASURED_GRPCIO}.") else CheckStatus.NOTE
    advice = f"explanations in the documentation were measured with {MEASURED_GRPCIO}: check them again"
    return Check("grpcio", status, f"{installed} (documented with {MEASURED_GRPCIO})", advice)


def packages() -> Check:
    """Check whether every package that this one requires is installed."""
    required = [
        requirement
        for requirement in distribution("grpc-lb-study").requires or []
        if "extra ==" not in requirement
    ]
    missing = [name for name in map(_name, required) if not _installed(name)]
    if missing:
        return Check(
            "packages", CheckStatus.MISSING, f"not installed: {', '.join(missing)}", "run scripts/setup"
        )
    return Check("packages", CheckStatus.OK, f"all {len(required)} are installed")


def instrumentor() -> Check:
    """Check whether opentelemetry-instrument finds the study's instrumentor through its entry point."""
    names = [point.name for point in entry_points(group="opentelemetry_instrumentor")]
    ours = [name for name in names if name.startswith("grpc_lb")]
    if not ours:
        advice = "run scripts/setup: without grpc-lb-instrumentor, spans do not name their servers"
        return Check("instrumentor", CheckStatus.MISSING, "no entry point of grpc-lb-instrumentor", advice)
    return Check(
        "instrumentor", CheckStatus.OK, f"found as {', '.join(ours)}, one of {len(names)} instrumentors"
    )


def stubs() -> Check:
    """Check whether the services' stubs were generated when they were installed."""
    try:
        is_there = importlib.util.find_spec("greeter.v1.greeter_pb2_grpc") is not None
    except ModuleNotFoundError:
        is_there = False
    if not is_there:
        return Check("stubs", CheckStatus.MISSING, "greeter.v1 was not generated", "run scripts/setup")
    return Check("stubs", CheckStatus.OK, "greeter.v1")


def _name(requirement: str) -> str:
    match = re.match(r"[A-Za-z0-9._-]+", requirement)
    return match.group() if match else requirement


def _installed(name: str) -> bool:
    try:
        version(name)
    except PackageNotFoundError:
        return False
    return True
