"""Whatever happens to the study's process, no other process is left behind."""

import asyncio
import contextlib
import json
import signal
import sys
from pathlib import Path

import psutil
import pytest

STUDY = """
import asyncio, json, os, sys, time
from pathlib import Path
from lbstudy.platform.interface import ChangeKind, ClientSpec, ServerSpec
from lbstudy.config import load_subject
from lbstudy.platform.local.platform import LocalPlatform
from lbstudy.run.specs import client_program, server_program

CLIENT, SERVER = client_program(load_subject()), server_program(load_subject())

async def main(folder, mode):
    platform = LocalPlatform(Path(folder), 1, propagation=0.0, preload=[SERVER.preload])
    await platform.start()
    try:
        await platform.create_servers(ServerSpec("greeter", 3, 0.01, 0.0, 1.0, program=SERVER))
        client = ClientSpec("client", "greeter", 2, 10.0, 1.0, time.time() + 1, 3600.0, program=CLIENT)
        await platform.start_client(client)
        ready = started = 0
        async for change in platform.changes():
            ready += change.kind == ChangeKind.READY
            started += change.kind == ChangeKind.STARTED
            if ready == 3 and started == 4:
                break
        pods = platform.pods("greeter") + platform.pods("client")
        print(json.dumps([*platform.helper_pids, *map(platform.pid, pods)]), flush=True)
        if mode == "stopped":
            os.kill(platform.pid(pods[0]), 19)
        await asyncio.to_thread(sys.stdin.readline) if mode == "error" else await asyncio.sleep(3600)
        raise RuntimeError("as it happens")
    finally:
        await platform.aclose()

asyncio.run(main(*sys.argv[1:]))
"""


@pytest.mark.parametrize(
    ("mode", "number"),
    [
        ("error", None),  # an error in the study: it closes the platform
        ("wait", signal.SIGINT),  # Ctrl-C
        ("wait", signal.SIGKILL),
        ("stopped", signal.SIGKILL),  # with a pod that does not react to SIGTERM
    ],
)
async def test_no_process_is_left_behind(tmp_path: Path, mode: str, number: signal.Signals | None) -> None:
    study = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", STUDY, str(tmp_path / "run"), mode),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    left: list[psutil.Process] = []
    try:
        assert study.stdout is not None
        async with asyncio.timeout(60):
            line = await study.stdout.readline()
        assert line, (await study.communicate())[1].decode()
        pids = json.loads(line)
        assert len(set(pids)) == 6
        # The study's descendants at the time: what the pods have started is among them.
        left = [psutil.Process(pid) for pid in pids]
        left += [child for process in list(left) for child in process.children(recursive=True)]
        if number is not None:
            study.send_signal(number)
        await study.communicate(b"\n")
        _, left = await asyncio.to_thread(psutil.wait_procs, left, timeout=120)
        assert left == []
    finally:
        if study.returncode is None:
            study.kill()
            await study.communicate()
        for process in left:
            with contextlib.suppress(psutil.NoSuchProcess):
                process.kill()


async def test_the_node_is_killed_and_its_pods_with_it(tmp_path: Path) -> None:
    study = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", STUDY, str(tmp_path / "run"), "wait"),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    assert study.stdout is not None
    pods: list[psutil.Process] = []
    try:
        async with asyncio.timeout(60):
            node, _dns, *pids = json.loads(await study.stdout.readline())
        pods = [psutil.Process(pid) for pid in pids]
        psutil.Process(node).kill()
        _, pods = await asyncio.to_thread(psutil.wait_procs, pods, timeout=120)
        assert pods == []
    finally:
        study.kill()
        await study.communicate()
        for process in pods:
            with contextlib.suppress(psutil.NoSuchProcess):
                process.kill()
