"""Readiness gates: the run decides when a pod with an unknown program may be Ready."""

import asyncio
from collections import defaultdict
from collections.abc import Callable, Coroutine
from contextlib import suppress
from typing import Any

import httpx2
from lightkube import ApiError
from lightkube.resources.core_v1 import PodStatus
from lightkube.types import PatchType

from lbstudy.platform.interface import Fault
from lbstudy.platform.kubernetes.api import Cluster, api_errors, persistently
from lbstudy.platform.kubernetes.outside import CONDITION
from lbstudy.platform.kubernetes.pods import KnownPod


class ReadyGates:
    """Opens and shuts readiness gates.

    Args:
        cluster: the cluster.
        work: runs a coroutine in the background; if it fails, so does the run.
    """

    def __init__(self, cluster: Cluster, work: Callable[[Coroutine[Any, Any, None]], None]) -> None:
        self._cluster = cluster
        self._work = work
        self._shut: dict[tuple[str, str], asyncio.Event] = {}  # (pod, fault) → set when it is lifted
        # pod → allows one request at a time
        self._turns: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)

    async def open(self, pod: KnownPod) -> None:
        """Let a pod be Ready as soon as its own probes say so. Raises PlatformError."""
        async with self._turns[pod.name]:
            if not any(name == pod.name for name, _ in self._shut):
                await self._set(pod, is_open=True)

    async def begin(self, pod: KnownPod, fault: Fault) -> None:
        """Begin ``not-ready`` or ``flap``: the pod is not Ready, whatever it says. Raises PlatformError."""
        lifted = self._shut[pod.name, fault.label] = asyncio.Event()
        try:
            async with self._turns[pod.name]:
                await self._set(pod, is_open=False)
        except BaseException:
            self._shut.pop((pod.name, fault.label), None)
            raise
        if fault.kind == "flap":
            self._work(self._flap(pod, fault, lifted))

    async def end(self, pod: KnownPod, fault: Fault) -> None:
        """End it. Raises PlatformError."""
        if (lifted := self._shut.pop((pod.name, fault.label), None)) is not None:
            lifted.set()
            await self.open(pod)

    async def _flap(self, pod: KnownPod, fault: Fault, lifted: asyncio.Event) -> None:
        """Make the pod not Ready for the first half of each period, and Ready for the other."""
        is_open = False
        due = asyncio.get_running_loop().time()
        while not pod.ended:
            due += float(fault.options["period"]) / 2
            with suppress(TimeoutError):
                async with asyncio.timeout_at(due):
                    await lifted.wait()
            is_open = not is_open
            async with self._turns[pod.name]:
                if lifted.is_set():
                    return
                others = {label for name, label in self._shut if name == pod.name} - {fault.label}
                await self._set(pod, is_open=is_open and not others)

    async def _set(self, pod: KnownPod, *, is_open: bool) -> None:
        condition = {"type": CONDITION, "status": str(is_open)}
        patch = {"status": {"conditions": [condition]}}
        with api_errors(f"letting {pod.name} be Ready or not"):
            try:
                await persistently(
                    lambda: self._cluster.objects.patch(
                        PodStatus, pod.name, patch, patch_type=PatchType.STRATEGIC
                    )
                )
            except ApiError as error:
                if error.status.code != httpx2.codes.NOT_FOUND:  # the pod is gone already
                    raise
