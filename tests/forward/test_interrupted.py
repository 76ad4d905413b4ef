"""A run that is interrupted while nobody takes what it sends on."""

import signal
import subprocess
import sys
from pathlib import Path

from lbstudy.run.plan import STORE_FILE
from lbstudy.store.database import RunStore

from tests.programs import Process

LBSTUDY = Path(sys.executable).with_name("lbstudy")
SCENARIO = """
name = "long"
duration = 60
[load]
clients = 1
rate = 10
[[step]]
at = 0
servers = 1
"""


def test_what_was_lost_is_kept_with_the_run(tmp_path: Path) -> None:
    (tmp_path / "long.toml").write_text(SCENARIO)
    (tmp_path / "fast.toml").write_text('name = "fast"\n[drain]\nwait = 0\ngrace = 1\n')
    command = [str(LBSTUDY), "run", "long.toml", "-s", "fast.toml", "--out", "mine", "--otlp", "127.0.0.1:1"]
    with Process(command, cwd=tmp_path, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        for line in process.stderr:
            if " Ready" in line:
                break
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=60)

    assert process.returncode == 130
    assert "Traceback" not in err
    store = RunStore.open(tmp_path / "mine.partial" / STORE_FILE)
    found = store.meta("forwarded")
    points = store.query("SELECT count(*) FROM metric_points")[0][0]
    spans = store.query("SELECT count(*) FROM spans")[0][0]
    store.close()
    assert found["endpoint"] == "http://127.0.0.1:1"
    assert found["metric_points"] == {"sent": 0, "lost": {"unavailable at the end": points}}
    assert found["spans"] == {"sent": 0, "lost": {"unavailable at the end": spans} if spans else {}}
    assert points > 0
