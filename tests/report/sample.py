"""Sample Results for the report's tests: made up, but consistent in themselves and true to what gRPC does."""

from lbstudy.result.model import Expectation, Provenance, Result, SettingResult, Verdict

from tests.report.sample_lane import END, Lane, Shape
from tests.report.sample_servers import adaptability, ledger, utilisation
from tests.report.sample_traffic import distribution, errors, latency, timeline

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
    settings = [_setting(Lane(shape, seed)) for seed, shape in enumerate(chosen)]
    closes = all(s.ledger.closes for s in settings)
    return Result(
        provenance=Provenance(
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
            platform="local",
            machine={"system": "Linux 6.12", "cores": "2", "memory": "8 GiB"},
            versions={"lbstudy": "0.1.0", "grpcio": "1.85.0", "python": "3.11.9"},
        ),
        verdict=Verdict(
            headline=headline
            or "With stock settings, the 3 servers that were added never got a request; "
            f"with max-age, clients found them after {settings[-1].adaptability.discovery.median} (median).",
            points=[
                "stock: 3 of 6 Ready servers did all the work until the scale-down.",
                f"{chosen[-1].name}: {settings[-1].adaptability.discovery.largest} at the latest.",
                "5 of 9,605 RPCs failed, all of them within 0.2 s of the scale-down.",
            ],
        ),
        settings=settings,
        expectations=[
            Expectation(
                setting=chosen[-1].name,
                measure="discovery.median",
                expected="at most 10 s",
                found=str(settings[-1].adaptability.discovery.median),
                met=chosen[-1].discovers,
            )
        ],
        ledger_closes=closes,
    )


def _setting(lane: Lane) -> SettingResult:
    options: dict[str, dict[str, int | float | str | bool]] = {"policy": {"name": "round_robin"}}
    if lane.shape.discovers:
        options["server"] = {"grpc.max_connection_age_ms": 8000, "grpc.max_connection_age_grace_ms": 5000}
        options["channel"] = {"grpc.dns_min_time_between_resolutions_ms": 1000}
    return SettingResult(
        name=lane.shape.name,
        description=lane.shape.description,
        options=options,
        servers=lane.servers,
        clients=lane.clients,
        phases=lane.phases(),
        timeline=timeline(lane),
        distribution=distribution(lane),
        latency=latency(lane),
        errors=errors(lane),
        adaptability=adaptability(lane),
        utilisation=utilisation(lane),
        ledger=ledger(lane),
    )


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


VARIANTS = {
    "default": result,
    "single": lambda: result(STOCK, headline="The 3 servers that were added never got a request."),
    "no_rpcs": no_rpcs,
    "no_added": no_added,
    "open_ledger": open_ledger,
    "long_names": long_names,
    "hostile": hostile,
    "many_servers": many_servers,
}
