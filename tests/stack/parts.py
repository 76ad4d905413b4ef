"""The real Collector, Jaeger and Prometheus, with the repository's own files, on free ports, for tests."""

import os
import shutil
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterable, Mapping
from pathlib import Path
from urllib.error import URLError

import pytest
from lbstudy.stack.parts import StackPart, Storage, configuration_folder, parts
from lbstudy.stack.ports import HOST, Ports

from tests.ports import free_port

GUARD = 120.0  # s, against hanging only
PARTS = ("prometheus", "jaeger", "otel-collector")
_NAMES = {"otelcol": ("otelcol-contrib", "otelcol")}  # the same program: what releases call it, and builds

# A part ends with the test run, also when that is killed: PR_SET_PDEATHSIG, then the program itself.
TIED = "import ctypes,os,sys;ctypes.CDLL(None).prctl(1,15);os.execv(sys.argv[1],sys.argv[1:])"


def need(*binaries: str) -> None:
    """Skip the test when one of the programs is not on PATH; fail it where CI says that they all are."""
    missing = [name for name in binaries if not any(map(shutil.which, _NAMES.get(name, (name,))))]
    if missing:
        give_up = pytest.fail if os.environ.get("LBSTUDY_PARTS") == "required" else pytest.skip
        give_up(f"not on PATH: {', '.join(missing)}")


def free_ports() -> Ports:
    """Ports that nobody listens on."""
    names, found = Ports.__dataclass_fields__, set[int]()
    while len(found) < len(names):
        found.add(free_port())
    return Ports(**dict(zip(names, found, strict=True)))


class Stack:
    """Parts that run; each can be stopped, killed and started again on the same ports and folders.

    ``files`` has their configuration, the repository's own where nothing else is said.

    Raises (``start``): AssertionError with the end of the log when a part does not become ready.
    """

    def __init__(
        self,
        folder: Path,
        *,
        environment: Mapping[str, str] | None = None,
        storage: Storage = "memory",
        files: Path | None = None,
    ) -> None:
        self.folder = folder
        self.ports = free_ports()
        files = files or configuration_folder()
        self._environment = dict(environment or {})
        self._parts = {one.name: one for one in parts(self.ports, files, folder, storage)}
        self._running: dict[str, subprocess.Popen[bytes]] = {}

    # --- where ------------------------------------------------------------------------------------

    @property
    def otlp_grpc(self) -> str:
        return f"http://{HOST}:{self.ports.otlp_grpc}"

    @property
    def otlp_http(self) -> str:
        return f"http://{HOST}:{self.ports.otlp_http}"

    @property
    def jaeger(self) -> str:
        return f"http://{HOST}:{self.ports.jaeger}"

    @property
    def prometheus(self) -> str:
        return f"http://{HOST}:{self.ports.prometheus}"

    @property
    def collector_metrics(self) -> str:
        return f"http://{HOST}:{self.ports.otelcol_metrics}/metrics"

    def log(self, name: str) -> Path:
        return self.folder / f"{name}.log"

    def pid(self, name: str) -> int:
        return self._running[name].pid

    # --- start and stop ---------------------------------------------------------------------------

    def start(self, names: Iterable[str] = PARTS) -> None:
        """Start parts, and wait until they say that they are ready."""
        names = tuple(names)
        for name in names:
            self._start(self._parts[name])
        for name in names:
            self._await_ready(self._parts[name])

    def stop(self, name: str, number: signal.Signals = signal.SIGTERM) -> int:
        """End a part (SIGKILL: at once), and wait for it; returns its exit status."""
        process = self._running.pop(name)
        process.send_signal(number)
        try:
            return process.wait(GUARD)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            raise

    def freeze(self, name: str) -> None:
        """A part that hangs: SIGSTOP."""
        self._running[name].send_signal(signal.SIGSTOP)

    def thaw(self, name: str) -> None:
        self._running[name].send_signal(signal.SIGCONT)

    def close(self) -> None:
        for name in list(self._running):
            self.stop(name, signal.SIGKILL)

    def _start(self, part: StackPart) -> None:
        binary = next((found for name in part.binaries if (found := shutil.which(name))), None)
        if binary is None:
            pytest.skip(f"not on PATH: {part.binaries[0]}")
        for folder in (self.folder, *part.folders):
            folder.mkdir(parents=True, exist_ok=True)
        with self.log(part.name).open("ab") as log:
            self._running[part.name] = subprocess.Popen(
                [sys.executable, "-c", TIED, binary, *part.arguments],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env={**os.environ, **part.environment, **self._environment},
            )

    def _await_ready(self, part: StackPart) -> None:
        until = time.monotonic() + GUARD
        while time.monotonic() < until:
            if self._running[part.name].poll() is not None:
                break
            try:
                with urllib.request.urlopen(part.health, timeout=5):
                    return
            except (URLError, OSError):
                time.sleep(0.05)  # a port that is not open yet tells nobody when it will be
        raise AssertionError(f"{part.name} is not ready: {self.log(part.name).read_text()[-2000:]}")
