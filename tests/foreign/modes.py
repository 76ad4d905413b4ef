"""A foreign program run bare, with upstream's instrumentation, with both, and with ours alone."""

import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Final

PROGRAMS: Final = Path(__file__).with_name("programs")
GUARD: Final = 120
"""Seconds after which a program that has not ended is said not to end; it takes some 2 on a quiet machine."""

_UPSTREAM: Final = "grpc_client,grpc_server,grpc_aio_client,grpc_aio_server"
_NO_PARTS: Final = frozenset({"facts", "resolving", "service"})


class Mode(StrEnum):
    """What instruments the program."""

    BARE = "bare"
    UPSTREAM = "upstream"
    BOTH = "both"
    OURS = "ours"


_DISABLED: Final[Mapping[Mode, str]] = {
    Mode.UPSTREAM: "grpc_lb,system_metrics",
    Mode.BOTH: "system_metrics",
    Mode.OURS: f"system_metrics,{_UPSTREAM}",
}


@dataclass(frozen=True, slots=True)
class Outcome:
    """What others see of a program's run; None as code: it did not end."""

    code: int | None
    output: str


def names() -> list[str]:
    """All programs."""
    return sorted(path.stem for path in PROGRAMS.glob("*.py") if path.stem not in _NO_PARTS)


def title(name: str) -> str:
    """What the program is, by its docstring."""
    return (PROGRAMS / f"{name}.py").read_text().partition('"""')[2].partition('"""')[0]


def run(name: str, mode: Mode, guard: float = GUARD) -> Outcome:
    """Run it once, as its users would: the instrumentation is chosen by the environment alone.

    After ``guard`` seconds it is ended, and has no exit code.
    """
    env = {key: value for key, value in os.environ.items() if not key.startswith(("OTEL_", "GRPC_"))}
    env |= {f"OTEL_{signal}_EXPORTER": "none" for signal in ("TRACES", "METRICS", "LOGS")}
    env |= {"POD_NAME": "pod-0", "PYTHONDONTWRITEBYTECODE": "1", "GRPC_VERBOSITY": "none"}
    command = [sys.executable, f"{name}.py"]
    if mode is not Mode.BARE:
        env["OTEL_PYTHON_DISABLED_INSTRUMENTATIONS"] = _DISABLED[mode]
        command.insert(0, str(Path(sys.executable).with_name("opentelemetry-instrument")))
    with subprocess.Popen(
        command,
        cwd=PROGRAMS,
        env=env,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        start_new_session=True,
    ) as process:
        try:
            output, _ = process.communicate(timeout=guard)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, 9)
            return Outcome(None, process.communicate()[0])
    return Outcome(process.returncode, output)
