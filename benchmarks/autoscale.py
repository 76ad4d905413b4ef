"""Does the service adjust to its load? The page docs/answers/autoscale.md, from a comparison's folder.

    ./lbstudy compare -s stock -s combined -s push-combined --scenario autoscale --out runs/autoscale
    .venv/bin/python -m benchmarks.autoscale runs/autoscale > docs/answers/autoscale.md
    cp runs/autoscale/comparison.json docs/answers/autoscale.json

Every figure and every sentence with one is from the runs' result.json; what they mean is in docs/measures.md.
"""

import sys
import textwrap
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from statistics import fmean, median

from lbstudy.measures.delays import summary
from lbstudy.result.model import Delay, Provenance, Result, Scaling, SettingResult

COMMAND = "./lbstudy compare -s stock -s combined -s push-combined --scenario autoscale"
SETTINGS = ("stock", "combined", "push-combined")
DURATION = 80.0  # s, of the scenario
SETTLED = (35.0, 55.0)
"""s: the load is at its highest from 22 s to 55 s; by then whoever finds servers has found them."""
FIGURES = (
    "until callers are served in time again",
    "until no server is overloaded any more",
    "failed RPCs",
    "late RPCs",
    "servers that never got an RPC",
    "seconds of servers for nothing, of all",
)
MEANS = ("mean", "the autoscaler's view", "hottest server", "most servers wanted")
_MEANS = (
    "While the load was at its highest, from {0:.0f} to {1:.0f} s (and as much later as a repeat is shifted):"
    " the mean of the servers' utilisation by their own count, what the autoscaler saw of it when it decided,"
    " and the hottest server's; and how many servers it wanted at most."
)
_MEANING = (
    "An autoscaler that goes by a mean is content when hot servers and idle ones are at the target together."
    " Over DNS with gRPC's defaults nothing makes a client look up DNS again when servers are added"
    " ([README.md](README.md)): what is added stays idle, brings the mean down, and helps nobody. It takes a"
    " setting by which clients find new servers for scaling to work at all."
)

Chosen = dict[str, list[SettingResult]]


def main() -> int:
    """Print the page."""
    paths = sorted(Path(sys.argv[1]).glob("runs/autoscale-*/result.json"))
    results = [Result.model_validate_json(path.read_text()) for path in paths]
    if not results:
        sys.stderr.write(f"{sys.argv[1]}: expected a comparison's folder with runs of scenario autoscale\n")
        return 2
    sys.stdout.write(page(results))
    return 0


def page(results: Sequence[Result]) -> str:
    """The page of these runs."""
    by_setting: dict[str, list[SettingResult]] = {}
    for result in results:
        for setting in result.settings:
            by_setting.setdefault(setting.name, []).append(setting)
    chosen: Chosen = {name: by_setting[name] for name in SETTINGS if name in by_setting}
    shifts = {id(setting): _shift(result) for result in results for setting in result.settings}
    lines = ["# Does the service adjust to its load?", "", *_how(results, chosen), ""]
    lines += [wrapped for sentence in _in_short(chosen) for wrapped in _wrapped(f"- {sentence}", "  ")]
    lines += [
        "",
        "## The figures",
        "",
        *_table(FIGURES, {name: _figures(found) for name, found in chosen.items()}),
    ]
    lines += [
        "",
        *_wrapped(f"Medians of the runs, and the whole range in brackets; of {_sent(chosen)} RPCs a run."),
    ]
    lines += ["", "## Mean against hottest", "", *_wrapped(_MEANS.format(*SETTLED)), ""]
    lines += _table(MEANS, {name: _means(found, shifts) for name, found in chosen.items()})
    lines += ["", *_wrapped(_MEANING), ""]
    told = results[0].provenance
    lines += _wrapped(f"Scenario {told.scenario}: {_plain(told.scenario_description)}.")
    return "\n".join([*lines, ""])


def _how(results: Sequence[Result], chosen: Chosen) -> list[str]:
    settings = [one for found in chosen.values() for one in found]
    closed = sum(one.ledger.closes for one in settings)
    late = [one.latency.lateness_p99 for one in settings if one.latency.lateness_p99 is not None]
    told = results[0].provenance
    loads = [float(result.provenance.machine.get("load average before", "nan")) for result in results]
    by = settings[0].scaling.by if settings[0].scaling else "nobody"
    count = len(next(iter(chosen.values())))
    is_busy = max(loads) > 2 * float(told.machine.get("cores", "1"))
    busy = ", on a machine that had much else to do: take the figures as an order of size" if is_busy else ""
    how = (
        f"What `{COMMAND}` answered: {count} runs of each setting. They began on"
        f" {told.started[:16].replace('T', ' ')} UTC on {told.machine.get('cores', '?')} cores, with a load"
        f" average of {min(loads):.1f} to {max(loads):.1f} before a run, Python {_version(told, 'python')}"
        f" and grpcio {_version(told, 'grpcio')}. The ledger closed in {closed} of {len(settings)}; the"
        f" clients were late by {min(late) * 1000:.0f} to {max(late) * 1000:.0f} ms (99 % quantile){busy}."
        f" `python -m benchmarks.autoscale` makes this page from the runs;"
        " [measures.md](../measures.md#scaling) defines the figures, and the whole comparison is in"
        " [autoscale.json](autoscale.json)."
    )
    who = (
        f"Who decides how many servers there are is {by}; its periods are shortened for a laptop"
        " ([autoscale.toml](../../study/lbstudy/config/scenarios/autoscale.toml))."
    )
    return [*_wrapped(how), "", *_wrapped(who)]


def _version(told: Provenance, name: str) -> str:
    return told.versions.get(name, "?")


def _in_short(chosen: Chosen) -> Iterable[str]:
    for name, found in chosen.items():
        scalings = _scalings(found)
        delays = [one.latency.relief for one in scalings if one.latency.relief is not None]
        held = [delay.seconds for delay in delays if delay.seconds is not None]
        never = len(delays) - len(held)
        unfound = sum(len(one.adaptability.undiscovered) for one in found)
        added = sum(len(one.adaptability.added) for one in found)
        parts = [f"{unfound} of {added} servers that were added never got a request"]
        if never:
            parts.append(f"in {never} of {len(scalings)} runs callers were not served in time again")
        if held:
            after = f"after {min(held):.0f} to {max(held):.0f} s"
            parts.append(f"in {len(held)} of {len(scalings)} runs callers were served in time again {after}")
        if len(delays) < len(scalings):
            calm = f"{len(scalings) - len(delays)} of {len(scalings)} runs"
            parts.append(f"in {calm} the latency target was never breached")
        yield f"**{name}**: {'; '.join(parts)}."


def _figures(found: Sequence[SettingResult]) -> list[str]:
    scalings = _scalings(found)
    unfound = [float(len(one.adaptability.undiscovered)) for one in found]
    wasted = [one.wasted for one in scalings if one.wasted is not None]
    return [
        _delays([one.latency.relief for one in scalings]),
        _delays([one.hottest.relief for one in scalings]),
        _numbers([one.failed for one in scalings]),
        _numbers([one.late for one in scalings]),
        _numbers(unfound),
        f"{_numbers(wasted)} of {median(one.pod_seconds for one in scalings):,.0f}",
    ]


def _means(found: Sequence[SettingResult], shifts: Mapping[int, float]) -> list[str]:
    cells = []
    for series in (_mean, _views, _hottest):
        means = []
        for setting in found:
            if setting.scaling is None:
                continue
            low, high = (at + shifts[id(setting)] for at in SETTLED)
            kept = [v for at, v in series(setting.scaling) if low < at <= high and v is not None]
            means += [fmean(kept) * 100] if kept else []
        cells.append(f"{_numbers(means)} %" if means else "–")
    return [*cells, _numbers([float(one.most) for one in _scalings(found)])]


def _mean(one: Scaling) -> list[tuple[float, float | None]]:
    return list(zip(one.at, one.mean_utilisation, strict=True))


def _hottest(one: Scaling) -> list[tuple[float, float | None]]:
    return list(zip(one.at, one.hottest_utilisation, strict=True))


def _views(one: Scaling) -> list[tuple[float, float | None]]:
    return [(each.at, each.utilisation) for each in one.decisions]


def _table(heads: Sequence[str], rows: Mapping[str, Sequence[str]]) -> list[str]:
    lines = [f"| setting | {' | '.join(heads)} |", f"| --- |{' ---: |' * len(heads)}"]
    return [*lines, *(f"| {name} | {' | '.join(cells)} |" for name, cells in rows.items())]


def _wrapped(text: str, indent: str = "") -> list[str]:
    return textwrap.wrap(text, 120, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False)


def _shift(result: Result) -> float:
    """By how much everything came later than in the scenario's file: repeats spread it over 10 s."""
    return result.provenance.duration - DURATION


def _plain(description: str) -> str:
    return description.partition(" (everything")[0]


def _scalings(found: Sequence[SettingResult]) -> list[Scaling]:
    return [one.scaling for one in found if one.scaling is not None]


def _sent(chosen: Chosen) -> str:
    counts = [sum(one.errors.client_by_code.values()) for found in chosen.values() for one in found]
    return f"{min(counts):,}" if min(counts) == max(counts) else f"{min(counts):,} to {max(counts):,}"


def _delays(found: Sequence[Delay | None]) -> str:
    """The median of those that there are (as in docs/measures.md, Delays), and the range."""
    known = sorted((one for one in found if one is not None), key=_length)
    middle = summary(known).median
    if middle is None:
        return "never breached"
    notes = [f"{known[0]} to {known[-1]}"] if str(known[0]) != str(known[-1]) else []
    if missing := len(found) - len(known):
        notes.append(f"never breached in {missing} of {len(found)} runs")
    return f"{middle} ({'; '.join(notes)})" if notes else str(middle)


def _length(delay: Delay) -> tuple[bool, float]:
    return delay.is_censored, delay.seconds or delay.censored_after or 0.0


def _numbers(found: Sequence[float | int | None]) -> str:
    known = [float(one) for one in found if one is not None]
    if not known:
        return "not observed"
    low, high = f"{min(known):,.0f}", f"{max(known):,.0f}"
    return f"{median(known):,.0f}" + (f" ({low} to {high})" if low != high else "")


if __name__ == "__main__":
    sys.exit(main())
