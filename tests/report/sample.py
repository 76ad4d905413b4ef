"""Sample Results for the report's tests: made up, but consistent in themselves and true to what gRPC does."""

from functools import cache

from lbstudy.result.build import setting_result
from lbstudy.result.model import (
    Delay,
    Entry,
    Expectation,
    Ledger,
    Meanwhile,
    NotObserved,
    Relief,
    Result,
    ScaleDecision,
    Scaling,
    SettingResult,
)
from lbstudy.result.source import SettingInfo

from tests.making import results as making
from tests.report.sample_lane import END, Lane, Shape

STOCK = Shape("stock", "round_robin over dns:/// and nothing else")
MAX_AGE = Shape(
    "max-age",
    "the servers close connections after 8 s, and the client may resolve again each second",
    discovers=True,
    errors=3,
)


def result(*shapes: Shape, headline: str = "") -> Result:
    """A Result with the given settings; by default the default run's."""
    chosen = shapes or (STOCK, MAX_AGE)
    settings = [_setting(shape, seed) for seed, shape in enumerate(chosen)]
    return making.result(
        making.provenance(
            run_id="20261123-151005-3f9a",
            scenario="scale",
            scenario_description="3 servers, scaled up to 6 after 20 s and down to 2 after 50 s",
            scenario_toml='name = "scale"\n\n[load]\nrate = 30\nclients = 2\nduration = "80 s"\n\n'
            "[[scale]]\nat = 20\nservers = 6\n\n[[scale]]\nat = 50\nservers = 2\n",
            settings_toml={s.name: f'name = "{s.name}"\n\n[policy]\nname = "round_robin"\n' for s in chosen},
            command="lbstudy run scale --settings " + ",".join(s.name for s in chosen),
            started="2026-11-23T15:10:05Z",
            duration=END,
            seed=0,
            machine={"system": "Linux 6.12", "cores": "2", "memory": "8 GiB"},
            versions={"lbstudy": "0.1.0", "grpcio": "1.85.0", "python": "3.11.9"},
        ),
        settings,
        headline=headline
        or "With stock settings, the 3 servers that were added never got a request; "
        f"with max-age, clients found them after {settings[-1].adaptability.discovery.median} (median).",
        points=[
            "stock: 3 of 6 Ready servers did all the work until the scale-down.",
            f"{chosen[-1].name}: {settings[-1].adaptability.discovery.largest} at the latest.",
            "5 of 9,605 RPCs failed, all of them within 0.2 s of the scale-down.",
        ],
        expectations=[
            Expectation(
                setting=chosen[-1].name,
                measure="discovery.median",
                expected="at most 10 s",
                found=str(settings[-1].adaptability.discovery.median),
                met=chosen[-1].discovers,
            )
        ],
    )


@cache
def _setting(shape: Shape, seed: int) -> SettingResult:
    lane = Lane(shape, seed)
    options: dict[str, dict[str, int | float | str | bool]] = {"policy": {"name": "round_robin"}}
    if lane.shape.discovers:
        options["server"] = {"grpc.max_connection_age_ms": 8000, "grpc.max_connection_age_grace_ms": 5000}
        options["channel"] = {"grpc.dns_min_time_between_resolutions_ms": 1000}
    info = SettingInfo(lane.shape.name, lane.shape.description, options)
    measured = setting_result(lane.observed(), info)
    return measured.model_copy(update={"ledger": _ledger(lane)})


def _ledger(lane: Lane) -> Ledger:
    answered, failed = lane.answered(), lane.failed()
    sent = answered + failed
    lost = 0 if lane.shape.ledger_closes else 7
    entries = [
        Entry(
            name="schedule",
            left="RPCs scheduled",
            left_count=sent,
            right="RPCs sent + not sent",
            right_count=sent,
            referee="the client programs",
            closes=True,
        ),
        Entry(
            name="answers",
            left="RPCs sent",
            left_count=sent,
            right="RPCs ended, by code",
            right_count=sent,
            referee="the client programs",
            closes=True,
        ),
        Entry(
            name="spans",
            left="client RPC spans stored",
            left_count=sent - lost,
            right="RPCs sent",
            right_count=sent,
            referee="the client programs",
            closes=not lost,
            note="spans were lost on their way to the store" if lost else "",
        ),
        Entry(
            name="servers",
            left="RPCs answered by the servers",
            left_count=answered,
            right="RPCs the clients got answered",
            right_count=answered,
            referee="the server programs",
            closes=True,
            note="" if failed == 0 else f"{failed} RPCs failed before an answer",
        ),
    ]
    return Ledger(entries=entries, closes=not lost)


def no_rpcs() -> Result:
    return result(Shape("silent", "no load at all", rate=0.0, errors=0), headline="No RPC was sent.")


def no_added() -> Result:
    return result(Shape("shrink", "down only", initial=4, peak=4, errors=0), headline="Only removals.")


def open_ledger() -> Result:
    return result(STOCK, Shape("max-age", MAX_AGE.description, discovers=True, ledger_closes=False))


def long_names() -> Result:
    prefix = "a-deployment-with-a-name-that-goes-on-and-on-until-it-is-sixty-three-"
    return result(
        Shape("setting-with-a-rather-long-name-of-its-own", "long " * 40, pod_prefix=prefix, discovers=True),
        Shape("max-age", MAX_AGE.description, pod_prefix=prefix),
    )


HOSTILE = "<script>alert('x')</script>&amp;\"onload=\"&"


def hostile() -> Result:
    return result(Shape(HOSTILE, HOSTILE, pod_prefix=HOSTILE + "{setting}"), headline=HOSTILE)


def many_servers() -> Result:
    return result(
        Shape("stock", STOCK.description, initial=10, peak=30, final=5, clients=4, rate=240),
        Shape(
            "max-age", MAX_AGE.description, initial=10, peak=30, final=5, clients=4, rate=240, discovers=True
        ),
    )


def scaled() -> Scaling:
    """The mean is relieved, the hottest server and the callers are not; a decision without a metric."""
    seconds = int(END)
    hot = [None, *([0.5] * 19), *([1.0] * (seconds - 20))]
    mean = [None, *([0.5] * 19), *([1.0] * 5), *([0.55] * (seconds - 25))]
    decided = [(10.0, 3, 3, 0.5), (20.0, 3, 6, 1.0), (30.0, 6, 6, None), (40.0, 6, 6, 0.55)]
    return Scaling(
        by="the sample",
        latency=Relief(target=0.5, breach=21.0, relief=Delay(censored_after=34.0), missed=58.0),
        hottest=Relief(target=0.6, breach=20.0, relief=Delay(censored_after=35.0), missed=60.0),
        mean=Relief(target=0.6, breach=20.0, relief=Delay(seconds=5.0), missed=5.0),
        meanwhile=Meanwhile(start=21.0, end=55.0, requests=2040, failed=700, late=300),
        failed=750,
        late=320,
        pod_seconds=330.0,
        wasted=88.5,
        most=6,
        at=[float(second + 1) for second in range(seconds)],
        mean_utilisation=mean,
        hottest_utilisation=hot,
        decisions=[
            ScaleDecision(
                at=at,
                current=before,
                wished=desired,
                desired=desired,
                utilisation=used,
                unready=0,
                missing=0,
            )
            for at, before, desired, used in decided
        ],
    )


def autoscaled() -> Result:
    """One setting with an autoscaler that measured, one whose servers told nothing."""
    made = result()
    why = NotObserved(why="the servers tell nobody how busy they are", needs="others")
    nothing = Relief(target=0.6, breach=None, relief=None, missed=None)
    blind = scaled().model_copy(
        update={
            "latency": nothing.model_copy(update={"target": 0.5}), "hottest": nothing, "mean": nothing,
            "meanwhile": None, "failed": None, "late": None, "wasted": None, "decisions": [],
            "mean_utilisation": [None] * int(END), "hottest_utilisation": [None] * int(END),
            "not_observed": why,
        }
    )  # fmt: skip
    first, second = made.settings
    settings = [first.model_copy(update={"scaling": scaled()}), second.model_copy(update={"scaling": blind})]
    return made.model_copy(update={"settings": settings})


VARIANTS = {
    "autoscaled": autoscaled,
    "default": result,
    "single": lambda: result(STOCK, headline="The 3 servers that were added never got a request."),
    "no_rpcs": no_rpcs,
    "no_added": no_added,
    "open_ledger": open_ledger,
    "long_names": long_names,
    "hostile": hostile,
    "many_servers": many_servers,
}
