"""Writes every dashboard to grafana/generated; with ``--check``, says which files are out of date instead."""

import json
import sys
from pathlib import Path

from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models.dashboard import Dashboard

from grafana.dashboards import adaptability, distribution, errors, performance, utilization

FOLDER = Path(__file__).parents[1] / "generated"
ALL = (distribution, performance, errors, adaptability, utilization)


def main() -> int:
    """Write or check; returns the exit code."""
    wanted = {f"{dashboard.uid}.json": _text(dashboard) for dashboard in (module.build() for module in ALL)}
    there = {path.name: path.read_text(encoding="utf-8") for path in FOLDER.glob("*.json")}
    stale = sorted(name for name in wanted.keys() | there.keys() if wanted.get(name) != there.get(name))
    if "--check" in sys.argv[1:]:
        for name in stale:
            print(f"{name} is not what python -m grafana.dashboards writes")  # noqa: T201 - for the reader
        return 1 if stale else 0
    for name in stale:
        if name in wanted:
            (FOLDER / name).write_text(wanted[name], encoding="utf-8")
        else:
            (FOLDER / name).unlink()
    return 0


def _text(dashboard: Dashboard) -> str:
    return json.dumps(dashboard, cls=JSONEncoder, indent=1, sort_keys=True, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    sys.exit(main())
