"""How many pods this machine can take."""

import resource
from pathlib import Path

import psutil

from lbstudy.platform.local.addresses import BLOCK_SIZE, BLOCKS

POD_MEMORY = 40 * 2**20
"""Bytes of memory that a pod is assumed to need; see benchmarks/pods.py."""
POD_TASKS = 24
"""Threads that a pod is assumed to have: gRPC's pools and the exporters."""


def most_pods() -> tuple[int, str]:
    """Return the number of pods that fit now, and which resource limits it."""
    bounds = [
        (len(BLOCKS) * BLOCK_SIZE, "loopback addresses"),
        (psutil.virtual_memory().available // POD_MEMORY, "memory"),
        (_task_limit() // POD_TASKS, "processes and threads"),
    ]
    return min(bounds)


def _task_limit() -> int:
    limits = [int(Path("/proc/sys/kernel/threads-max").read_text())]
    soft, _ = resource.getrlimit(resource.RLIMIT_NPROC)
    if soft != resource.RLIM_INFINITY:
        limits.append(soft)
    limits.append(int(Path("/proc/sys/kernel/pid_max").read_text()))
    return min(limits)
