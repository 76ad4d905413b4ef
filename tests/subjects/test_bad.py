"""Programs that do what servers must not do: one clear line, an exit code, and nothing left running."""

import json
import os
import subprocess
import sys
from pathlib import Path

import psutil

SERVER = Path(__file__).with_name("bad_server.py")
SUBJECT = """
name = "bad"
[server]
command = {command}
ready = {{ by = "tcp", within = {within} }}
end = {{ patience = 0.2 }}
[call]
method = "routeguide.RouteGuide/GetFeature"
protos = ["{protos}"]
"""
SCENARIO = """
name = "moment"
duration = 2
[load]
clients = 1
rate = 10
timeout = 0.5
[[step]]
at = 0
servers = 1
"""


def run(folder: Path, command: str, within: float = 60) -> subprocess.CompletedProcess[str]:
    """Run a scenario with servers of a command, a TOML list; nothing of it outlives the run."""
    protos = Path(__file__).with_name("route_guide.proto")
    (folder / "bad.toml").write_text(SUBJECT.format(command=command, protos=protos, within=within))
    (folder / "moment.toml").write_text(SCENARIO)
    done = subprocess.run(
        [
            *(Path(sys.executable).with_name("lbstudy"), "run", "./moment.toml", "--subject", "./bad.toml"),
            *("--setting", "pick-first", "--out", "out", "--no-otlp", "--plain"),
        ],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
        env={name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ},
    )
    mark = str(folder).encode()
    left = [one for one in psutil.pids() if mark in _environment(one) and one != os.getpid()]
    assert left == []
    return done


def _environment(pid: int) -> bytes:
    try:
        return Path(f"/proc/{pid}/environ").read_bytes() + bytes(Path(f"/proc/{pid}/cwd").readlink())
    except OSError:
        return b""


def doing(how: str) -> str:
    return f'["{{python}}", "{SERVER}", "{how}", "{{address}}"]'


def test_servers_that_end_at_once(tmp_path: Path) -> None:
    done = run(tmp_path, doing("exits"))

    assert done.returncode == 1
    last = done.stderr.splitlines()[-1]
    assert "ended with status 1; it said: cannot read config.yaml: no such file" in last
    assert "Traceback" not in done.stderr


def test_a_server_that_never_listens(tmp_path: Path) -> None:
    done = run(tmp_path, doing("silent"), within=1)

    assert done.returncode == 1
    last = done.stderr.splitlines()[-1]
    assert last.startswith("lbstudy: ")
    assert "it runs, and does not listen on 127.0." in last
    assert "were not Ready and in DNS within 1 s" in last
    assert "Traceback" not in done.stderr


def test_a_program_that_is_not_there_is_told_before_the_run(tmp_path: Path) -> None:
    done = run(tmp_path, '["./orders", "{address}"]')

    assert done.returncode == 2
    assert done.stderr == (
        "lbstudy: the subject bad is not available:"
        f" server: {tmp_path / 'orders'}: there is no such program\n"
    )
    assert not (tmp_path / "out.partial").exists()


def test_servers_that_die_by_themselves_and_do_not_end_when_told(tmp_path: Path) -> None:
    done = run(tmp_path, doing("wild"))
    result = json.loads((tmp_path / "out" / "result.json").read_text())
    died, stubborn = result["settings"][0]["incidents"]

    assert died == "1 server ended without being told to, by signal 9"
    assert stubborn.startswith("1 server did not end when told to, and had to be killed: bad-pick-first-")
    assert "[drain] wait was not applied" in done.stdout
    assert "Traceback" not in done.stderr
