"""Faults made from outside, in pods with unknown programs: what the copies need for them. No I/O.

``stop`` and ``kill`` are signals. A pod's first process ignores both from inside its own pod, and its image
may have no program that sends them. So the pod's containers share their process namespace, and a small
container of the run signals the processes of the servers' container. ``not-ready``, ``flap`` and
``slow-start`` use a readiness gate: a condition that the run sets, without which the pod is not Ready.
"""

from collections.abc import Collection
from typing import Any, Final

from lbstudy.platform.kubernetes.names import Object

CONTAINER: Final = "lbstudy-signals"
"""The container that sends the signals."""
CONDITION: Final = "lbstudy/ready"
"""The condition of a pod's readiness gate."""
SIGNALS: Final = frozenset({"stop", "kill"})
"""Kinds of faults that need the container."""
GATED: Final = frozenset({"not-ready", "flap", "slow-start"})
"""Kinds of faults that need the gate."""
_WAIT: Final = """\
import signal, sys
signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
while True:
    signal.pause()
"""
SEND: Final = """\
import os, signal, sys
name, container = sys.argv[1:]
found = 0
for process in filter(str.isdigit, os.listdir("/proc")):
    try:
        with open(f"/proc/{process}/cgroup") as file:
            if container in file.read():
                os.kill(int(process), getattr(signal, name))
                found += 1
    except (FileNotFoundError, ProcessLookupError):
        pass
if not found:
    sys.exit("none of the container's processes is to be seen here")
"""
"""Sends a signal to all processes of a container, by its ID, which their control group's name contains."""
_ROOT: Final = 0


def prepare(pod: Object, container: Object, kinds: Collection[str], image: str) -> None:
    """Prepare a copied pod template for faults of these kinds.

    Args:
        pod: the template, which is changed.
        container: the servers' container in it.
        kinds: the kinds of the scenario's faults.
        image: an image with Python; nothing else in it is used.
    """
    spec = pod["spec"]
    if SIGNALS & set(kinds):
        # hostPID shows all of a node's processes, and excludes a shared namespace
        if not spec.get("hostPID"):
            spec["shareProcessNamespace"] = True
        spec["containers"].append(_signals(spec, container, image))
    if GATED & set(kinds):
        gates = [*(spec.get("readinessGates") or []), {"conditionType": CONDITION}]
        spec["readinessGates"] = gates


def _signals(spec: Object, container: Object, image: str) -> Object:
    """Return the container. It has the servers' user, or root if only their image names a user."""
    user = (container.get("securityContext") or {}).get("runAsUser")
    if user is None:
        user = (spec.get("securityContext") or {}).get("runAsUser")
    security: dict[str, Any] = {
        "runAsUser": _ROOT if user is None else user,
        "runAsNonRoot": bool(user),
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]} | ({"add": ["KILL"]} if user is None else {}),
    }
    return {
        "name": CONTAINER,
        "image": image,
        "command": ["python", "-c", _WAIT],
        "securityContext": security,
        "resources": {
            "requests": {"cpu": "10m", "memory": "32Mi"},
            "limits": {"cpu": "500m", "memory": "64Mi"},
        },
    }
