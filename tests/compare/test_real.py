"""One real comparison, as small as can be, through the command."""

import subprocess
import sys
from pathlib import Path

import pytest
from lbstudy.compare.model import Comparison, Estimate

LBSTUDY = Path(sys.executable).with_name("lbstudy")
GUARD = 240
"""s until a run that hangs is ended; nothing waits for it."""

SCENARIO = """
name = "tiny"
duration = 6
[load]
clients = 1
rate = 10
[server]
work = 0
[dns]
propagation = 0.1
[[step]]
at = 0
servers = 1
[[step]]
at = 1
servers = 2
"""
# Nothing makes the one look again. The other's connections end after a second, and it may look at once.
QUIET = 'name = "quiet"\n[drain]\nwait = 0\ngrace = 1\n'
EAGER = """
name = "eager"
[server]
grpc.max_connection_age_ms = 1000
grpc.max_connection_age_grace_ms = 1000
[channel]
grpc.dns_min_time_between_resolutions_ms = 100
[drain]
wait = 0
grace = 1
"""


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("compare")
    for name, content in (("tiny", SCENARIO), ("quiet", QUIET), ("eager", EAGER)):
        (folder / f"{name}.toml").write_text(content)
    arguments = ["--scenario", "./tiny.toml", "-s", "./quiet.toml", "-s", "./eager.toml", "--repeat", "1"]
    command = [str(LBSTUDY), "compare", *arguments, "--out", "mine"]
    ended = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=GUARD, check=False)
    assert ended.returncode == 0, ended.stderr
    return folder / "mine"


def test_the_comparison_is_of_what_the_servers_and_the_dns_server_saw(done: Path) -> None:
    found = Comparison.model_validate_json((done / "comparison.json").read_text())
    assert found.is_whole

    def estimates(name: str) -> dict[str, Estimate | None]:
        return {one.figure: one.estimate for one in found.cell(name, "tiny").figures}

    quiet, eager = estimates("quiet"), estimates("eager")
    assert quiet["discovery"] is not None
    assert quiet["discovery"].median.more
    assert eager["discovery"] is not None
    assert not eager["discovery"].median.more
    for figure in ("connections", "dns", "client_cpu", "server_cpu"):
        assert quiet[figure] is not None
        assert eager[figure] is not None
    assert quiet["dns"] is not None
    assert quiet["dns"].median.value == 0
    assert eager["dns"] is not None
    assert eager["dns"].median.value > 0


def test_every_link_of_the_page_leads_to_a_file(done: Path) -> None:
    page = (done / "compare.html").read_text()
    assert 'href="runs/tiny-1-1/report.html"' in page
    assert (done / "runs" / "tiny-1-1" / "report.html").is_file()
