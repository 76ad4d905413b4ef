"""``lbstudy stack up|down|status``: Collector, Jaeger, Prometheus and Grafana on this machine."""

import json
import os
from dataclasses import asdict
from pathlib import Path

import typer

from lbstudy.cli.exit_code import ExitCode
from lbstudy.cli.failure import say
from lbstudy.stack import control
from lbstudy.stack.control import Status
from lbstudy.stack.parts import Storage
from lbstudy.stack.ports import Ports


def up(folder: Path, *, storage: Storage, as_json: bool) -> int:
    """Start the stack; raises StackError."""
    status, missing = control.up(folder, Ports.from_environment(os.environ), storage)
    for name in missing:
        say(f"note: {name} is not on PATH, and left out")
    _print(status, as_json=as_json)
    return ExitCode.OK


def down(folder: Path) -> int:
    """Stop the stack; raises StackError."""
    ran, killed = control.down(folder)
    if killed:
        say(f"killed, as they did not end within {control.END_WITHIN:.0f} s: {', '.join(killed)}")
    say(f"stopped {', '.join(ran)}" if ran else f"no stack runs in {folder}")
    return ExitCode.OK


def show(folder: Path, *, as_json: bool) -> int:
    """Print what runs; ERROR unless all of it is ready. Raises StackError."""
    status = control.status(folder)
    _print(status, as_json=as_json)
    return ExitCode.OK if status.up else ExitCode.ERROR


def _print(status: Status, *, as_json: bool) -> None:
    if as_json:
        typer.echo(json.dumps(_as_json(status), indent=2))
    elif not status.parts:
        typer.echo(f"no stack runs in {status.folder}")
    else:
        for part in status.parts:
            state = "ready" if part.ready else "not ready" if part.running else "ended"
            typer.echo(f"{part.name:<15} {state:<10} pid {part.pid:<8} {part.log}")
            for what, where in part.endpoints.items():
                typer.echo(f"{'':<15} {what:<10} {where}")


def _as_json(status: Status) -> dict[str, object]:
    return {
        "folder": str(status.folder),
        "up": status.up,
        "parts": [asdict(part) | {"log": str(part.log)} for part in status.parts],
    }
