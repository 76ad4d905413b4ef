"""``lbstudy watch``: which Ready pods of a live Service get no requests, from which clients, and why."""

import asyncio
import sys
import time
from pathlib import Path
from typing import Annotated

import typer

from lbstudy.backends.jaeger import Jaeger
from lbstudy.backends.prometheus import Prometheus
from lbstudy.cli import options
from lbstudy.cli.command import examples, new_command
from lbstudy.cli.duration import seconds
from lbstudy.cli.exit_code import ExitCode
from lbstudy.cli.failure import UsageError, say
from lbstudy.cli.files import replacing
from lbstudy.cli.options import AsJson, Context, Plain
from lbstudy.cli.watch_options import For, JaegerUrl, OtlpListen, PrometheusUrl, address, services_of, url
from lbstudy.cli.watching import view, watch_until_stopped
from lbstudy.watch.build import build
from lbstudy.watch.core import Core
from lbstudy.watch.past import Period, look_back, replay
from lbstudy.watch.program import Finished, WatchPlan
from lbstudy.watch.recorder import Recorder
from lbstudy.watch.tempo import Tempo
from lbstudy.watch.view import line, print_tables

app = new_command()


@app.command(
    epilog=examples(
        "lbstudy watch orders                            until Ctrl-C",
        "lbstudy watch shop/orders shop/stock --for 30m",
        "lbstudy watch orders --otlp-listen 127.0.0.1:4317  with spans from your Collector",
        "lbstudy watch orders --for 30m --out tuesday       leaves tuesday/report.html",
    )
)
def watch(
    command: typer.Context,
    services: Annotated[
        list[str], typer.Argument(metavar="[NAMESPACE/]SERVICE…", help="Services of the cluster.")
    ],
    *,
    context: Context = None,
    duration: For = None,
    after: Annotated[
        str,
        typer.Option(
            "--after", metavar="TIME", help="Report a Ready pod that nobody has called for this time."
        ),
    ] = "10s",
    since: Annotated[
        str | None,
        typer.Option(
            "--since",
            metavar="TIME",
            help="Look at the past, such as the last 6h, in --prometheus (and --jaeger); needs no cluster.",
        ),
    ] = None,
    prometheus: PrometheusUrl = None,
    jaeger: JaegerUrl = None,
    otlp_listen: OtlpListen = None,
    out: Annotated[
        Path | None,
        options.out("Leave the report there: report.html, result.json, and watch.json with pods and events."),
    ] = None,
    as_json: AsJson = False,
    plain: Plain = False,
) -> int:
    """Watch live Services: which Ready pods get no requests, from which clients, since when, and why.

    Nothing is scaled, started or changed. What is not observed is shown as such, with what would make it
    known. docs/watch.md has the sources of evidence, and the Role that a watch needs.
    """
    folder = _folder(out)
    if since is not None:
        if duration is not None or otlp_listen is not None or prometheus is None:
            raise UsageError("--since needs --prometheus URL, and goes with neither --for nor --otlp-listen")
        core, finished = _past(
            services_of(services, context), since, prometheus, jaeger, seconds("--after", after)
        )
        if not as_json:
            print_tables(core, finished.result.ended, sys.stdout, gone=True)
        _leave(finished, folder, str(command.obj), prometheus, as_json=as_json)
        return ExitCode.OK
    plan = WatchPlan(
        services=services_of(services, context),
        context=context,
        duration=None if duration is None else seconds("--for", duration),
        patience=seconds("--after", after),
        prometheus=url("--prometheus", prometheus),
        jaeger=url("--jaeger", jaeger),
        listen=address(otlp_listen),
        is_recorded=folder is not None,
    )
    shown_on = sys.stderr if as_json else sys.stdout  # with --json, standard output has only the JSON
    finished = asyncio.run(watch_until_stopped(plan, view(shown_on, plain=plain)))
    where = f"Kubernetes, context {context}" if context else "Kubernetes, the current context"
    _leave(finished, folder, str(command.obj), where, as_json=as_json)
    return ExitCode.OK


def _past(
    services: tuple[str, ...], since: str, prometheus: str, jaeger: str | None, patience: float
) -> tuple[Core, Finished]:
    """Look at the past; returns what was found. Raises BackendError."""
    now = time.time()
    period = Period(now - seconds("--since", since), now)
    asked = Prometheus(prometheus), None if jaeger is None else Tempo.at(jaeger) or Jaeger(jaeger)
    evidence = look_back(services, period, *asked, say)
    core = Core(services, period.start, patience)
    recorders = {name: Recorder(name, period.start, past=True) for name in services}
    for event in replay(core, evidence, period):
        say(line(event))
    for recorder in recorders.values():
        for item in evidence:
            recorder.take(item)
    return core, Finished(build(core, now), recorders)


def _leave(finished: Finished, folder: Path | None, command: str, where: str, *, as_json: bool) -> None:
    """Print the result, or leave it in a folder with the report, or both."""
    text = finished.result.model_dump_json(indent=2)
    if as_json:
        typer.echo(text)
    if folder is None:
        return
    from lbstudy.cli.results import write_results  # noqa: PLC0415 - a watch without a report needs none of it
    from lbstudy.result.build import build as build_result  # noqa: PLC0415 - the same
    from lbstudy.run.describe import runner, versions  # noqa: PLC0415 - the same
    from lbstudy.watch.report import WatchSource  # noqa: PLC0415 - the same

    source = WatchSource(finished.recorders, finished.result, command, where, runner(), versions())
    folder.mkdir(parents=True, exist_ok=True)
    with replacing(folder / "watch.json") as partial:
        partial.write_text(text + "\n", encoding="utf-8")
    write_results(build_result(source), folder)
    say(f"report: {folder / 'report.html'}")


def _folder(out: Path | None) -> Path | None:
    """Check before the watch, instead of after it, that the folder can be made."""
    if out is None:
        return None
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(f"--out {out}: expected a folder, new or there: {error.strerror}") from error
    return out
