"""A namespace of a real cluster, applied as a user would, and what kubectl says of it."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.kubernetes.manifests.cluster import Cluster, namespace, needed_push_image

KINDS = (
    "deployments,replicasets,statefulsets,daemonsets,jobs,cronjobs,pods,services,endpointslices,configmaps,secrets,"
    "serviceaccounts,leases,networkpolicies,roles,rolebindings,poddisruptionbudgets"
)
LIVE = ("deployment/greeter", "deployment/client", "deployment/push")
STARTING = 300.0
"""Seconds for the parts to be Ready: pods start slowly where the machine has much else to do."""


@dataclass
class Finished:
    """A command that has ended."""

    code: int
    out: str
    err: str
    folder: Path

    @property
    def result(self) -> dict[str, Any]:
        assert self.out, self.err
        found: dict[str, Any] = json.loads(self.out)
        return found


@dataclass
class Command:
    """``lbstudy run`` while it lasts."""

    process: subprocess.Popen[str]
    folder: Path
    lines: list[str] = field(default_factory=list)
    _said: threading.Condition = field(default_factory=threading.Condition)
    _ended: bool = False

    def read(self) -> None:
        assert self.process.stderr is not None
        for line in self.process.stderr:
            with self._said:
                self.lines.append(line)
                self._said.notify_all()
        with self._said:
            self._ended = True
            self._said.notify_all()

    def until(self, text: str, within: float = STARTING) -> str:
        """Wait for a line of its progress."""
        with self._said:
            self._said.wait_for(
                lambda: self._ended or any(text in line for line in self.lines), timeout=within
            )
            found = next((line for line in self.lines if text in line), None)
        assert found is not None, f"{text!r} was not said: {''.join(self.lines)}"
        return found

    def finish(self, within: float = STARTING) -> Finished:
        assert self.process.stdout is not None
        out = self.process.stdout.read()
        code = self.process.wait(within)
        with self._said:
            self._said.wait_for(lambda: self._ended, timeout=10)
        return Finished(code, out, "".join(self.lines), self.folder)

    def signal(self, number: signal.Signals) -> None:
        self.process.send_signal(number)


@dataclass
class Lab:
    """The namespace, and the kubeconfig of somebody who may do there what a run needs, and nothing else."""

    cluster: Cluster
    kubeconfig: Path
    folder: Path
    runs: int = 0

    @property
    def namespace(self) -> str:
        return self.cluster.namespace

    def kubectl(self, *arguments: str) -> str:
        return self.cluster.kubectl(*arguments)

    def get(self, kinds: str, *arguments: str) -> list[dict[str, Any]]:
        text = self.kubectl("get", kinds, "-o", "json", *arguments)
        items: list[dict[str, Any]] = json.loads(text)["items"]
        return items

    def snapshot(self) -> dict[str, str]:
        """Every object, and what is wanted of it."""
        found = {}
        for one in self.get(KINDS):
            name, kind = one["metadata"]["name"], one["kind"]
            found[f"{kind}/{name}"] = json.dumps(
                {
                    "uid": one["metadata"]["uid"],
                    "generation": one["metadata"].get("generation"),
                    "labels": one["metadata"].get("labels"),
                    "spec": one.get("spec") if kind not in {"Lease", "Pod"} else None,
                    "data": one.get("data"),
                },
                sort_keys=True,
            )
        return found

    @contextlib.contextmanager
    def run(self, *arguments: str, kubeconfig: Path | None = None) -> Iterator[Command]:
        """``lbstudy run --on kubernetes`` with the least rights; ended with the block at the latest."""
        self.runs += 1
        folder = self.folder / f"run-{self.runs}"
        where = ("--on", "kubernetes", "--namespace", self.namespace, "--out", str(folder))
        with self.lbstudy(folder, "run", *arguments, *where, kubeconfig=kubeconfig) as command:
            yield command

    @contextlib.contextmanager
    def lbstudy(self, folder: Path, *arguments: str, kubeconfig: Path | None = None) -> Iterator[Command]:
        """A command with the least rights, which reports its progress; ended with the block at the latest."""
        process = subprocess.Popen(
            [str(Path(sys.executable).with_name("lbstudy")), *arguments, "--plain", "--json"],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=os.environ | {"KUBECONFIG": str(kubeconfig or self.kubeconfig)},
        )
        command = Command(process, folder)
        reading = threading.Thread(target=command.read, daemon=True)
        reading.start()
        try:
            yield command
        finally:
            if process.poll() is None:
                process.send_signal(signal.SIGINT)
                try:
                    process.wait(60)
                except subprocess.TimeoutExpired:
                    process.kill()
            reading.join(10)
            for pipe in (process.stdout, process.stderr):
                if pipe is not None:
                    pipe.close()


class Witness:
    """What the pods of a run write, followed by kubectl: the counts that the study has no part in."""

    def __init__(self, lab: Lab, folder: Path) -> None:
        self._lab = lab
        self._folder = folder
        self._followers: dict[str, subprocess.Popen[bytes]] = {}
        self.pods: dict[str, dict[str, Any]] = {}
        self.gated: set[str] = set()  # not Ready while all of their containers were
        self._stop = threading.Event()
        folder.mkdir()
        self._thread = threading.Thread(target=self._look, daemon=True)
        self._thread.start()

    def _look(self) -> None:
        while not self._stop.wait(0.5):
            for pod in self._lab.get("pods", "-l", "lbstudy.run.id,app.kubernetes.io/managed-by=lbstudy"):
                name = pod["metadata"]["name"]
                self.pods[name] = pod
                states = {one["type"]: one["status"] for one in pod["status"].get("conditions") or ()}
                if states.get("Ready") == "False" and states.get("ContainersReady") == "True":
                    self.gated.add(name)
                follower = self._followers.get(name)
                # That of a container ends with it, and another one may be started in the same pod.
                if (follower is None or follower.poll() is not None) and pod["status"]["phase"] == "Running":
                    command = ["kubectl", "-n", self._lab.namespace, "logs", "-f", name]
                    with (self._folder / name).open("ab") as out:
                        self._followers[name] = subprocess.Popen(
                            command, stdout=out, stderr=subprocess.DEVNULL
                        )

    def close(self) -> None:
        self._stop.set()
        self._thread.join(30)
        for follower in self._followers.values():
            with contextlib.suppress(subprocess.TimeoutExpired):
                follower.wait(20)
            follower.kill()

    def log(self, pod: str) -> str:
        return (self._folder / pod).read_text(errors="replace")

    def events(self, event: str) -> dict[str, dict[str, Any]]:
        """The event of each pod that said it."""
        found = {}
        for name in self._followers:
            for line in self.log(name).splitlines():
                if line.startswith('{"event"') and line.endswith("}"):
                    said = json.loads(line)
                    if said["event"] == event:
                        found[name] = said
        return found


@contextlib.contextmanager
def applied(folder: Path) -> Iterator[Lab]:
    """Apply k8s/ into a namespace of its own, as a user would; everything goes with the namespace.

    With the control plane: what its overlay does to live servers must not show in a run of others.
    """
    with namespace(folder, needed_push_image()) as cluster:
        cluster.apply("k8s/overlays/push")
        # The live pods are not what is tested, and would only take CPU.
        live = "app.kubernetes.io/name in (greeter, endpoint-push)"
        cluster.kubectl("scale", *LIVE, "--replicas=0")
        cluster.kubectl("wait", "pods", "--selector", live, "--for=delete", f"--timeout={STARTING:.0f}s")
        cluster.ready("otel-collector", "jaeger", "prometheus")
        yield Lab(cluster, _runner(cluster, folder), folder)


def _runner(cluster: Cluster, folder: Path) -> Path:
    """A kubeconfig with the Role of k8s/ and nothing else."""
    cluster.kubectl("create", "serviceaccount", "somebody")
    account = f"--serviceaccount={cluster.namespace}:somebody"
    cluster.kubectl("create", "rolebinding", "somebody", "--role=lbstudy-runner", account)
    token = cluster.kubectl("create", "token", "somebody").strip()
    config = json.loads(cluster.kubectl("config", "view", "--raw", "--minify", "--output", "json"))
    config["users"] = [{"name": "somebody", "user": {"token": token}}]
    config["contexts"][0]["context"]["user"] = "somebody"
    path = folder / "kubeconfig"
    path.write_text(json.dumps(config))
    path.chmod(0o600)
    return path
