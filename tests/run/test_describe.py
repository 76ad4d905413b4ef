"""What a run says of the kinds of load that a setting really had: figures and headlines go by it."""

from pathlib import Path

from lbstudy.config import load_scenario, load_setting
from lbstudy.config.subject import Subject
from lbstudy.run.describe import Place, describe
from lbstudy.run.plan import RunPlan
from lbstudy.venues.local import Local

ORDERS = Subject.model_validate(
    {"name": "orders", "server": {"command": ["./orders", "{address}"]}, "call": {"method": "a.B/C"}}
)


def options(scenario: str, subject: Subject | None = None) -> dict[str, object]:
    setting = load_setting("stock")
    subjects = {} if subject is None else {setting.name: subject}
    plan = RunPlan(load_scenario(scenario), [setting], Path(), "id", 0, "", venue=Local(), subjects=subjects)
    (found,) = describe(plan, 0.0, Place("here", {})).settings
    return dict(found.options)


def test_how_servers_warm_up_where_they_do() -> None:
    assert options("cold-servers")["cold"] == {"factor": 10.0, "rpcs": 300}
    assert "cold" not in options("cold-servers", ORDERS)  # its servers are as warm as they are
    assert "cold" not in options("scale")


def test_how_connections_are_encrypted_where_they_are() -> None:
    assert options("tls-restart")["tls"] == {"key": "rsa", "clients": True}
    assert "tls" not in options("tls-restart", ORDERS)
