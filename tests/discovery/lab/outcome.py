"""What becomes of a program of the lab, bare and with the instrumentor."""

import contextlib
import json
import os
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil

from tests.discovery.lab.client import PATIENCE

_LAB = Path(__file__).parent


@dataclass(frozen=True)
class Outcome:
    """What a program told, and what the instrumentor saw of it."""

    told: Any
    status: int
    spans: list[dict[str, Any]] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)

    def named(self, name: str, **attributes: object) -> list[dict[str, Any]]:
        return [
            span
            for span in self.spans
            if span["name"] == name
            and all(
                span.get(f"grpc_lb.{key.replace('__', '.')}") == value for key, value in attributes.items()
            )
        ]


@dataclass(frozen=True)
class Programs:
    """Runs them, against one target."""

    folder: Path
    target: str

    def bare(self, what: str, *arguments: object, prefix: tuple[str, ...] = ()) -> Outcome:
        return self._run([*prefix, sys.executable, str(_LAB / "program.py")], what, arguments, None)

    def ours(self, what: str, *arguments: object, prefix: tuple[str, ...] = ()) -> Outcome:
        seen = self.folder / "seen.json"
        command = [
            *prefix,
            sys.executable,
            str(_LAB / "instrumented.py"),
            str(seen),
            str(_LAB / "program.py"),
        ]
        return self._run(command, what, arguments, seen)

    def _run(
        self, command: list[str], what: str, arguments: tuple[object, ...], seen: Path | None
    ) -> Outcome:
        env = {name: value for name, value in os.environ.items() if not name.startswith(("GRPC", "OTEL"))}
        env["GRPC_CHANNELZ_MAX_ORPHANED_NODES"] = "1000"  # as opentelemetry-instrument sets it
        run = subprocess.run(
            [*command, what, self.target, *map(json.dumps, arguments)],
            env=env,
            stdout=subprocess.PIPE,
            text=True,
            timeout=PATIENCE,
            check=False,
        )
        assert run.stdout, f"{what} ended with {run.returncode} and told nothing"
        found = json.loads(seen.read_text(encoding="utf-8")) if seen is not None else {}
        return Outcome(
            json.loads(run.stdout), run.returncode, found.get("spans", []), found.get("warnings", [])
        )


def taps_of(pid: int) -> list[int]:
    """The tap processes of this program, whose child they are not: its id stands on their command line."""
    found = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            line = process.cmdline()
            if (
                len(line) > 5
                and line[3] == "-c"
                and line[5].startswith("[")
                and json.loads(line[5])[1] == pid
            ):
                found.append(process.pid)
    return found
