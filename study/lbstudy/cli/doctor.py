"""``lbstudy doctor``: what a run needs, and whether it is here."""

import json
from collections.abc import Callable, Sequence
from dataclasses import asdict

import typer

from lbstudy.cli import machine, network, software
from lbstudy.cli.check import Check, Status
from lbstudy.cli.exit_code import ExitCode
from lbstudy.run.plan import ClusterChoice

ANYWHERE: Sequence[Callable[[], Check]] = (
    software.python,
    software.packages,
    machine.disk,
    machine.write_permission,
    machine.terminal,
)
"""For a run whose pods are elsewhere."""
CHECKS: Sequence[Callable[[], Check]] = (
    software.python,
    software.grpcio,
    software.packages,
    software.instrumentor,
    software.stubs,
    network.loopback,
    network.port,
    network.resolver,
    machine.cores,
    machine.memory,
    machine.disk,
    machine.open_files,
    machine.write_permission,
    machine.terminal,
)


def examine(cluster: ClusterChoice | None = None, *, as_json: bool) -> int:
    """Print every check; returns ERROR when something is missing that a run cannot do without.

    Args:
        cluster: where the run is to be; None: on this machine.
        as_json: print JSON.
    """
    if cluster is None:
        checks = [check() for check in CHECKS]
    else:
        from lbstudy.cli.cluster import look  # noqa: PLC0415 - only a run on a cluster needs its client

        checks = [*(check() for check in ANYWHERE), *look(cluster)]
    if as_json:
        typer.echo(json.dumps([asdict(check) for check in checks], indent=2, ensure_ascii=False))
    else:
        for check in checks:
            typer.echo(f"{check.status:<8} {check.name:<17} {check.found}")
            if check.advice and check.status is not Status.OK:
                typer.echo(f"{'':<8} {'':<17} → {check.advice}")
    return ExitCode.ERROR if any(check.status is Status.MISSING for check in checks) else ExitCode.OK
