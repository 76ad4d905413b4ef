"""The generated dashboards: up to date, of the SDK's types, and as dashboard-linter's rules want them."""

import json
import shutil
import subprocess
import sys
import warnings
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[2]
GENERATED = sorted((ROOT / "grafana" / "generated").glob("*.json"))
TITLES = {
    "gRPC load balancing / 1 Request Distribution",
    "gRPC load balancing / 2 Performance",
    "gRPC load balancing / 3 Error Rates",
    "gRPC load balancing / 4 Adaptability",
    "gRPC load balancing / 5 Server Utilization",
}


def load(path: Path) -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads(path.read_text())
    return loaded


def check(root: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "grafana.dashboards", "--check"],
        cwd=root,
        capture_output=True,
        text=True,
        check=False,
    )


def test_the_generated_files_are_what_the_generator_writes() -> None:
    done = check(ROOT)
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_check_names_what_is_out_of_date(tmp_path: Path) -> None:
    shutil.copytree(ROOT / "grafana", tmp_path / "grafana")
    generated = tmp_path / "grafana" / "generated"
    first = generated / GENERATED[0].name
    first.write_text(first.read_text().replace("$run", "$other"))
    (generated / GENERATED[1].name).unlink()
    (generated / "left-over.json").write_text("{}")
    done = check(tmp_path)
    assert done.returncode == 1
    for name in (GENERATED[0].name, GENERATED[1].name, "left-over.json"):
        assert name in done.stdout


def test_the_five_dashboards_are_there() -> None:
    assert {load(path)["title"] for path in GENERATED} == TITLES
    assert {load(path)["uid"] for path in GENERATED} == {path.stem for path in GENERATED}


@pytest.mark.parametrize("path", GENERATED, ids=lambda path: path.stem)
def test_the_files_pass_through_the_sdks_types_unchanged(path: Path) -> None:
    from grafana_foundation_sdk.cog.encoder import JSONEncoder

    with warnings.catch_warnings():
        # The SDK would rather have dashboards of the second version: Grafana 12 cannot provision those.
        warnings.filterwarnings("ignore", "Prefer using dashboardv2", DeprecationWarning)
        from grafana_foundation_sdk.models.dashboard import Dashboard

    once = load(path)
    again = json.loads(json.dumps(Dashboard.from_json(load(path)), cls=JSONEncoder))
    assert again == once


@pytest.mark.parametrize("path", GENERATED, ids=lambda path: path.stem)
def test_every_panel_asks_the_chosen_data_source_and_says_what_it_shows(path: Path) -> None:
    dashboard = load(path)
    variables = {variable["name"]: variable for variable in dashboard["templating"]["list"]}
    assert set(variables) == {"datasource", "namespace", "service", "run", "setting", "server"}
    assert variables["datasource"]["type"] == "datasource"
    assert not dashboard["editable"]
    ids = [panel["id"] for panel in dashboard["panels"]]
    assert len(set(ids)) == len(ids)
    for panel in dashboard["panels"]:
        assert panel["title"]
        assert panel["description"]
        assert panel["fieldConfig"]["defaults"]["unit"]
        assert panel["datasource"] == {"type": "prometheus", "uid": "${datasource}"}
        for target in panel["targets"]:
            assert target["datasource"] == panel["datasource"]
            assert "$run" in target["expr"]
            assert "$setting" in target["expr"]
            assert "rate(" not in target["expr"] or "[$__rate_interval]" in target["expr"]


@pytest.mark.parametrize("path", GENERATED, ids=lambda path: path.stem)
def test_panels_lie_side_by_side_without_overlap(path: Path) -> None:
    taken: set[tuple[int, int]] = set()
    for panel in load(path)["panels"]:
        at = panel["gridPos"]
        cells = {(at["x"] + x, at["y"] + y) for x in range(at["w"]) for y in range(at["h"])}
        assert max(x for x, _ in cells) < 24
        assert not cells & taken, panel["title"]
        taken |= cells


def test_provisioning_names_the_data_sources_that_exemplars_lead_to() -> None:
    folder = ROOT / "grafana" / "provisioning"
    sources = yaml.safe_load((folder / "datasources" / "datasources.yaml").read_text())["datasources"]
    by_type = {source["type"]: source for source in sources}
    assert set(by_type) == {"prometheus", "jaeger"}
    led_to = by_type["prometheus"]["jsonData"]["exemplarTraceIdDestinations"]
    assert led_to[0]["datasourceUid"] == by_type["jaeger"]["uid"]
    providers = yaml.safe_load((folder / "dashboards" / "dashboards.yaml").read_text())["providers"]
    assert providers[0]["type"] == "file"
