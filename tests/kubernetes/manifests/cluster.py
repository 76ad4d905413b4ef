"""The manifests in a real cluster: KUBECONFIG names it, LBSTUDY_IMAGE the image that its nodes have.

LBSTUDY_PUSH_IMAGE is that of the control plane, for tests that run one.
"""

import contextlib
import json
import os
import re
import secrets
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.kubernetes.manifests.rendered import ROOT, need
from tests.stack.parts import GUARD

PATIENCE = 180.0  # s, for pods to become Ready; against hanging only


def needed_image() -> str:
    """The server's image; skips the test where there is no cluster, no kubectl or no image."""
    need(shutil.which("kubectl"), "not on PATH: kubectl")
    need(os.environ.get("KUBECONFIG"), "no cluster: KUBECONFIG is not set")
    image = os.environ.get("LBSTUDY_IMAGE", "")
    need(image, "no image: LBSTUDY_IMAGE names one that the cluster's nodes have")
    return image


def needed_push_image() -> str:
    """The control plane's image; skips the test where there is none."""
    needed_image()
    image = os.environ.get("LBSTUDY_PUSH_IMAGE", "")
    need(image, "no image: LBSTUDY_PUSH_IMAGE names the control plane's, one that the cluster's nodes have")
    return image


@dataclass(frozen=True, slots=True)
class Cluster:
    """A namespace of its own in the cluster, and a folder for the kustomization that says so."""

    namespace: str
    image: str
    folder: Path
    push_image: str = ""

    def kubectl(self, *arguments: str, check: bool = True, stdin: str | None = None) -> str:
        """What kubectl says in the namespace; where it fails, what it complains about."""
        done = subprocess.run(
            ["kubectl", "--namespace", self.namespace, *arguments],
            capture_output=True,
            text=True,
            check=False,
            timeout=PATIENCE + GUARD,
            input=stdin,
        )
        assert done.returncode == 0 or not check, done.stderr
        return done.stdout if done.returncode == 0 else done.stderr

    def get(self, what: str, **labels: str) -> list[Any]:
        """The objects of a kind."""
        selector = ",".join(f"app.kubernetes.io/{key}={value}" for key, value in labels.items())
        return list(
            json.loads(self.kubectl("get", what, "--selector", selector, "--output", "json"))["items"]
        )

    def may(self, who: str, verb: str, what: str, *arguments: str) -> bool:
        """Whether a user or service account may do that."""
        done = subprocess.run(
            ["kubectl", "--namespace", self.namespace, "auth", "can-i", verb, what, "--as", who, *arguments],
            capture_output=True,
            text=True,
            check=False,
            timeout=GUARD,
        )
        answer = done.stdout.strip().splitlines()[-1:]
        assert answer in (["yes"], ["no"]), done.stderr
        return answer == ["yes"]

    def kustomization(self, overlay: str) -> str:
        """A folder with the overlay in this namespace and with this image, as a user would write it."""
        folder = self.folder / overlay.replace("/", "-")
        folder.mkdir(exist_ok=True)
        images = {"lbstudy": self.image} | ({"lbstudy-push": self.push_image} if self.push_image else {})
        (folder / "kustomization.yaml").write_text(
            f"namespace: {self.namespace}\n"
            f"resources: [{os.path.relpath(ROOT / overlay, folder)}]\n"
            f"images:\n{''.join(map(_image, images, images.values()))}"
        )
        return str(folder)

    def apply(self, overlay: str, *arguments: str) -> list[str]:
        """A line an object."""
        return self.kubectl("apply", *arguments, "--kustomize", self.kustomization(overlay)).splitlines()

    def ready(self, *deployments: str) -> None:
        """Wait until they are rolled out."""
        for deployment in deployments:
            self.kubectl("rollout", "status", f"deployment/{deployment}", f"--timeout={PATIENCE:.0f}s")

    @contextlib.contextmanager
    def forwarded(self, service: str, port: int) -> Iterator[str]:
        """A URL of this machine that leads to a Service."""
        with subprocess.Popen(
            ["kubectl", "--namespace", self.namespace, "port-forward", f"service/{service}", f":{port}"],
            stdout=subprocess.PIPE,
            text=True,
        ) as forward:
            try:
                assert forward.stdout is not None
                told = forward.stdout.readline()
                match = re.match(r"Forwarding from (127\.0\.0\.1:\d+)", told)
                assert match is not None, told
                yield f"http://{match[1]}"
            finally:
                forward.terminate()


def _image(name: str, found: str) -> str:
    place, _, tag = found.rpartition(":")
    return f"- {{name: {name}, newName: {place}, newTag: {tag}}}\n"


@contextlib.contextmanager
def namespace(folder: Path, push_image: str = "") -> Iterator[Cluster]:
    """A namespace that is gone, with everything in it, at the end."""
    cluster = Cluster(f"lbstudy-test-{secrets.token_hex(4)}", needed_image(), folder, push_image)
    try:
        cluster.kubectl("create", "namespace", cluster.namespace)
        yield cluster
    finally:
        cluster.kubectl("delete", "namespace", cluster.namespace, "--ignore-not-found")
