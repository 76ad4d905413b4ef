"""``lbstudy doctor``: lists what a run needs, and whether it is here."""

import json
from dataclasses import asdict

import typer

from lbstudy.cli.command import examples, new_command
from lbstudy.cli.exit_code import ExitCode
from lbstudy.cli.on import choose
from lbstudy.cli.options import AsJson, Context, Namespace, WhichOn
from lbstudy.run.check import CheckStatus
from lbstudy.run.venue import Venue
from lbstudy.venues import On

app = new_command()


@app.command(epilog=examples("lbstudy doctor", "lbstudy doctor --json", "lbstudy doctor --on kubernetes"))
def doctor(
    as_json: AsJson = False,
    *,
    on: WhichOn = On.LOCAL,
    kube_context: Context = None,
    namespace: Namespace = None,
) -> int:
    """Check what a run needs, and list what is missing."""
    return examine(choose(on, kube_context, namespace), as_json=as_json)


def examine(venue: Venue, *, as_json: bool) -> int:
    """Print every check; returns ERROR if something is missing that a run needs.

    Args:
        venue: where the run would be.
        as_json: whether to print JSON.
    """
    checks = venue.checks()
    if as_json:
        typer.echo(json.dumps([asdict(check) for check in checks], indent=2, ensure_ascii=False))
    else:
        width = max(len(check.name) for check in checks)
        for check in checks:
            typer.echo(f"{check.status:<8} {check.name:<{width}}  {check.found}")
            if check.advice and check.status is not CheckStatus.OK:
                typer.echo(f"{'':<8} {'':<{width}}  → {check.advice}")
    return ExitCode.ERROR if any(check.status is CheckStatus.MISSING for check in checks) else ExitCode.OK
