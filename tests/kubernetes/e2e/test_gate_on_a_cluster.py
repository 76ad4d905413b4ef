"""`lbstudy gate` on a real cluster: by runs of its own, and by a watch of rollouts that kubectl makes."""

import time
import xml.etree.ElementTree as ET
from contextlib import ExitStack
from pathlib import Path

from lbstudy.gate.model import GateResult, SettingVerdict, State

from tests.kubernetes.e2e.lab import Lab
from tests.kubernetes.e2e.shop import lost, program, service, shop

SCENARIO = """
name = "up"
duration = 20
[load]
clients = 1
rate = 10
[server]
work = 0
[[step]]
at = 0
servers = 1
[[step]]
at = 1
servers = 2
"""
# Two runs decide either way: see tests/gate/test_real.py.
REQUIREMENT = """
name = "soon"
[[clause]]
kind = "new-server"
within = 6
scenario = "./up.toml"
[proof]
share = 0.2
"""
# Connections end after 1 s, but a client may look up DNS each 60 s only: this buys nothing.
WRONG = """
name = "wrong"
[server]
grpc.max_connection_age_ms = 1000
grpc.max_connection_age_grace_ms = 1000
[channel]
grpc.dns_min_time_between_resolutions_ms = 60000
"""
RIGHT = WRONG.replace('"wrong"', '"right"').replace("60000", "100")
ROLLOUT = """
name = "rollout"
[[clause]]
kind = "new-server"
within = 10
[[clause]]
kind = "rolling-update"
lost_at_most = 0
"""


def verdict(text: str) -> SettingVerdict:
    (setting,) = GateResult.model_validate_json(text).settings
    return setting


def junit(path: Path) -> tuple[str | None, ...]:
    root = ET.parse(path).getroot()
    return root.get("tests"), root.get("failures"), root.get("errors")


def test_runs_on_the_cluster_fail_a_wrong_option_by_name_and_pass_a_good_one(
    lab: Lab, tmp_path: Path
) -> None:
    for name, text in (("up", SCENARIO), ("soon", REQUIREMENT), ("wrong", WRONG), ("right", RIGHT)):
        (tmp_path / f"{name}.toml").write_text(text)
    settings = [word for name in ("wrong", "right") for word in ("-s", str(tmp_path / f"{name}.toml"))]
    where = ("--on", "kubernetes", "--namespace", lab.namespace, "--out", str(tmp_path / "mine"))
    left = ("--junit", str(tmp_path / "gate.xml"))
    with lab.lbstudy(tmp_path, "gate", str(tmp_path / "soon.toml"), *settings, *where, *left) as command:
        done = command.finish(400)

    assert done.code == 3, done.err
    result = GateResult.model_validate(done.result)
    assert result.not_counted == []
    wrong, right = result.settings
    assert (right.setting, right.state) == ("right", State.HOLDS)
    assert [run.held for run in right.clauses[0].runs] == [True, True]
    assert (wrong.setting, wrong.state) == ("wrong", State.FAILS)
    assert "was a wait for: minimum interval" in wrong.clauses[0].reason
    assert "[channel] grpc.dns_min_time_between_resolutions_ms = 60000" in wrong.clauses[0].reason
    assert junit(tmp_path / "gate.xml") == ("2", "1", "0")


def test_rollouts_by_kubectl_are_judged_as_the_clients_own_log_has_them(lab: Lab, tmp_path: Path) -> None:
    """Of orders all is well; of stock no client finds the new pod; servers of hasty end within requests."""
    (tmp_path / "rollout.toml").write_text(ROLLOUT)
    names = ("orders", "stock", "hasty")
    options = {"orders": ("3000", "0"), "stock": ("0", "0"), "hasty": ("3000", "0.3")}
    servers = [program(lab, name, "server.py", *options[name]) for name in names]
    client = program(lab, "checkout", "client.py", *names)
    with (
        shop(lab, *(service(name) for name in names), *servers, client),
        lab.cluster.forwarded("jaeger", 16686) as jaeger,
        ExitStack() as stack,
    ):
        gates = {}
        for name in names:
            watched = ("gate", str(tmp_path / "rollout.toml"), "--watch", f"{lab.namespace}/{name}")
            evidence = ("--for", "75s", "--jaeger", jaeger, "--junit", str(tmp_path / f"{name}.xml"))
            gates[name] = stack.enter_context(lab.lbstudy(tmp_path, *watched, *evidence))
        for name in names:
            gates[name].until(f"{name}: 1 Ready")
        began = time.time()
        lab.kubectl("scale", *(f"deployment/{name}" for name in names), "--replicas=2")
        lab.cluster.ready(*names)
        for name in ("orders", "hasty"):
            gates[name].until("got its first request")  # a pod that leaves before it is called is undecided
            lab.kubectl("rollout", "restart", f"deployment/{name}")
        ended = {name: gate.finish() for name, gate in gates.items()}
        losses = {name: [one for one in lost(lab, "checkout", name) if one[0] >= began] for name in names}

    found = {name: verdict(one.out).clauses for name, one in ended.items()}
    assert found["orders"][0].state is State.HOLDS, found
    assert "called by checkout within" in found["orders"][0].runs[0].found
    assert found["stock"][0].state is State.FAILS
    assert "they are waiting for a connection to end" in found["stock"][0].reason
    assert found["stock"][1].state is State.UNDECIDED  # no pod of it was ended

    for name in ("orders", "hasty"):
        count = len(losses[name])
        assert f"; {count} request{'' if count == 1 else 's'} lost" in found[name][1].runs[0].found, losses
        assert found[name][1].state is (State.FAILS if count else State.HOLDS), found
        assert all(code in found[name][1].reason for _, code in losses[name])
        assert ended[name].code == (3 if count else 0)
    assert ended["stock"].code == 3
    assert junit(tmp_path / "stock.xml") == ("2", "1", "1")
