"""The caller against a server of others: each kind of method, each description, the server's counts."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.services.conftest import StartProgram

SUBJECTS = Path(__file__).parents[1] / "subjects"
PROTO = SUBJECTS / "route_guide.proto"
LOAD = ("--clients=2", "--rate=10", "--duration=0.5", "--timeout=60", "--max-lateness=60")


@pytest.fixture
def descriptor_set(tmp_path: Path) -> Path:
    out = tmp_path / "set"
    subprocess.run(
        [
            *(sys.executable, "-m", "grpc_tools.protoc", f"-I{SUBJECTS}"),
            *(f"--descriptor_set_out={out}", str(PROTO)),
        ],
        check=True,
    )
    return out


async def test_each_kind_of_method_by_each_way_of_describing_it(
    start: StartProgram, descriptor_set: Path
) -> None:
    address = "127.0.0.71:50071"
    server = await start("tests.subjects.route_guide_server", "--listen", address, "--reflection")
    assert server.process.stdout is not None
    await server.process.stdout.readline()
    calls: dict[str, tuple[str, ...]] = {
        "GetFeature": ('--request={"latitude": 1}', "--metadata=tenant=a"),
        "ListFeatures": ('--request={"lo": {"latitude": 1}}', f"--proto={PROTO}"),
        "RecordRoute": ('--request=[{"latitude": 1}, {}, {}]', f"--descriptor-set={descriptor_set}"),
        "RouteChat": ('--request=[{"message": "a"}, {"message": "b"}]',),
    }
    callers = {
        name: await start(
            *("caller", "--target", address, "--method", f"routeguide.RouteGuide/{name}"), *LOAD, *more
        )
        for name, more in calls.items()
    }
    for name, caller in callers.items():
        tally = (await caller.event("finished"))["tally"]
        assert (name, tally["by_code"], tally["by_server"]) == (name, {"OK": 10}, {})
        assert tally["sent"] == 10
        assert await caller.end() == 0

    server.process.terminate()
    last: dict[str, Any] = json.loads((await server.process.stdout.read()).splitlines()[-1])
    assert last["counts"] == dict.fromkeys(calls, 10) | {"tenant a": 10, "RecordRoute of 3": 10}


@pytest.mark.parametrize(
    ("more", "line"),
    [
        (("--method=Get",), "argument --method: 'Get' is not PACKAGE.SERVICE/METHOD"),
        (
            (f"--proto={PROTO}", "--method=routeguide.RouteGuid/GetFeature"),
            "there is no service routeguide.RouteGuid; there is routeguide.RouteGuide",
        ),
        (
            (f"--proto={PROTO}", "--method=routeguide.RouteGuide/Get"),
            "routeguide.RouteGuide has no method Get; it has GetFeature, ListFeatures, RecordRoute, Route",
        ),
        (
            (f"--proto={PROTO}", "--method=routeguide.RouteGuide/GetFeature", '--request={"height": 1}'),
            "the request is not a routeguide.Point:",
        ),
        (
            (f"--proto={PROTO}", "--method=routeguide.RouteGuide/GetFeature", "--request=[{}, {}]"),
            "routeguide.RouteGuide.GetFeature takes one request, not a stream: expected a table, not a list",
        ),
        (
            (f"--descriptor-set={PROTO}", "--method=routeguide.RouteGuide/GetFeature"),
            "is not a descriptor set (protoc --descriptor_set_out)",
        ),
    ],
)
async def test_what_can_not_be_called_gets_one_clear_line(
    start: StartProgram, more: tuple[str, ...], line: str
) -> None:
    caller = await start("caller", "--target", "127.0.0.1:1", *LOAD, *more)
    said = await caller.errors()

    assert line in said
    assert said.count("\n") == 1
    assert await caller.end() == 2
