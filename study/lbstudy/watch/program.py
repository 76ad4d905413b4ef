"""A watch from beginning to end: sources are opened, queried, and closed."""

import asyncio
import time
from collections.abc import Callable, Coroutine, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass
from functools import partial
from typing import Any

import httpx2
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from lbstudy.platform.interface import PlatformError
from lbstudy.platform.kubernetes.api import Cluster, connect
from lbstudy.watch import coredns, find, jaeger, prometheus, tempo
from lbstudy.watch.build import build
from lbstudy.watch.cluster import ServiceWatch
from lbstudy.watch.core import Core
from lbstudy.watch.evidence import Evidence, SourceState
from lbstudy.watch.listener import SpanListener
from lbstudy.watch.model import WatchResult
from lbstudy.watch.recorder import Recorder
from lbstudy.watch.spans import Spans
from lbstudy.watch.view import WatchView
from lbstudy.watch.words import ago, counted

_LOOK_EVERY = 1.0  # s
_BEGIN_WITHIN = 30.0  # s for the API to list what exists
_AGAIN = 2.0  # s until what cannot be asked is asked again
_QUIET = 60.0  # s without spans, after which that is reported
SPANS = "spans"


@dataclass(frozen=True, slots=True)
class WatchPlan:
    """What is watched, and from which sources.

    Attributes:
        services: each "namespace/service".
        context: the kubeconfig's context; None: the current one.
        duration: s; None: until it is interrupted.
        patience: s, after which a Ready pod that nobody calls is reported.
        prometheus: its URL; None: one is looked for in the cluster.
        jaeger: the URL of a Jaeger or a Tempo to ask for spans; None: none.
        listen: "HOST:PORT" at which to receive spans; None: nowhere.
        is_recorded: keep what a report needs.
    """

    services: tuple[str, ...]
    context: str | None
    duration: float | None
    patience: float
    prometheus: str | None
    jaeger: str | None
    listen: str | None
    is_recorded: bool = False


@dataclass(frozen=True, slots=True)
class Finished:
    """A watch that has ended.

    Attributes:
        result: what it found.
        recorders: Service → what a report is made of; empty if none was wanted.
    """

    result: WatchResult
    recorders: Mapping[str, Recorder]


async def watch(plan: WatchPlan, view: WatchView, stop: asyncio.Event) -> Finished:
    """Watch until the time is over, or ``stop`` is set. Raises PlatformError if it cannot begin."""
    watching = _Watching(plan, view)
    async with AsyncExitStack() as stack:
        await watching.open(stack)
        try:
            await watching.go_on(stop)
        finally:
            view.end(time.time())
    return Finished(build(watching.core, time.time()), watching.recorders)


class _Watching:
    def __init__(self, plan: WatchPlan, view: WatchView) -> None:
        self._plan = plan
        self._view = view
        self._is_begun = False
        self.core = Core(plan.services, time.time(), plan.patience)
        self.recorders = {
            name: Recorder(name, self.core.began) for name in (plan.services if plan.is_recorded else ())
        }
        self._spans = Spans(
            lambda pod: any(service.pod(pod) for service in self.core.services.values()),
            calls=plan.is_recorded,
        )
        self._last_spans: float | None = None
        self._listens_at = ""
        self._tasks = _Tasks()

    async def open(self, stack: AsyncExitStack) -> None:
        """Open every source, and wait until the cluster has listed what exists."""
        cluster = connect(self._plan.context, self._plan.services[0].partition("/")[0])
        stack.push_async_callback(cluster.aclose)
        stack.push_async_callback(self._tasks.aclose)
        watches = [ServiceWatch(cluster, name, self._take) for name in self._plan.services]
        for watch_ in watches:
            self._tasks.start(watch_.run(await watch_.selector()))
        if self._plan.listen is not None:
            listener = SpanListener(self._plan.listen, self._take_spans)
            self._listens_at = await listener.start()
            stack.push_async_callback(listener.aclose)
        try:
            async with asyncio.timeout(_BEGIN_WITHIN):
                await asyncio.gather(*(watch_.listed.wait() for watch_ in watches))
        except TimeoutError as error:
            raise PlatformError(f"the API told nothing within {_BEGIN_WITHIN:.0f} s") from error
        self._require_pods()
        await self._open_prometheus(cluster, stack)
        if self._plan.jaeger is not None:
            # Shared with the receiver: a span that arrives both ways counts once.
            self._tasks.start(self._ask_for_spans(self._plan.jaeger))
        log = coredns.CoreDnsLog(cluster, self._plan.services, self._take, self._workload_of)
        self._tasks.start(log.run())
        self._say_spans(time.time())
        for name in self._plan.services:
            self.core.begin(name)
        self._is_begun = True
        self._view.begin(self.core, time.time())

    async def go_on(self, stop: asyncio.Event) -> None:
        """Look each second, until the end."""
        end = None if self._plan.duration is None else time.monotonic() + self._plan.duration
        while not stop.is_set() and (end is None or time.monotonic() < end):
            left = _LOOK_EVERY if end is None else min(_LOOK_EVERY, max(0.0, end - time.monotonic()))
            try:
                async with asyncio.timeout(left):
                    await stop.wait()
            except TimeoutError:
                pass
            if self._tasks.failure is not None:
                raise self._tasks.failure
            now = time.time()
            self._say_spans(now)
            for event in self.core.look(now):
                self._view.event(event)
            self._view.tick(now)

    def _take(self, evidence: Evidence) -> None:
        event = self.core.take(evidence)
        for recorder in self.recorders.values():
            recorder.take(evidence)
        if event is not None and self._is_begun:
            self._view.event(event)

    def _require_pods(self) -> None:
        for source in self.core.sources:
            if source.name.startswith("pods of") and source.lack and not source.has.strip("0 pods"):
                raise PlatformError(f"{source.name}: {source.lack}; docs/watch.md has the Role that it needs")

    # --- spans ----------------------------------------------------------------------------------------

    async def _ask_for_spans(self, url: str) -> None:
        """By the API that answers there; what never answers is asked as a Jaeger, which says so."""
        while True:
            try:
                is_tempo = await tempo.answers_as_tempo(url)
                break
            except (httpx2.HTTPError, httpx2.InvalidURL) as error:
                lack = f"cannot be asked ({' '.join(str(error).split()) or type(error).__name__})"
                self._take(SourceState(jaeger.NAME, "", lack, time.time()))
                await asyncio.sleep(_AGAIN)
        poller = (tempo.TempoPoller if is_tempo else jaeger.JaegerPoller)(url, self._spans, self._take)
        await poller.run()

    def _take_spans(self, request: ExportTraceServiceRequest, received: float) -> None:
        self._last_spans = received
        for evidence in self._spans.read(request, received):
            self._take(evidence)

    def _say_spans(self, now: float) -> None:
        if not self._listens_at and self._plan.jaeger is not None:
            return
        if not self._listens_at:
            lack = "not taken; --otlp-listen 127.0.0.1:4317 takes them, from an exporter of your Collector"
        elif self._last_spans is None:
            lack = f"none came yet to {self._listens_at}"
        elif now - self._last_spans > _QUIET:
            lack = f"none came to {self._listens_at} for more than {ago(_QUIET)}"
        else:
            lack = ""
        self._take(
            SourceState(SPANS, counted(self._spans.spans, "span") if self._spans.spans else "", lack, now)
        )

    # --- Prometheus -------------------------------------------------------------------------------------

    async def _open_prometheus(self, cluster: Cluster, stack: AsyncExitStack) -> None:
        url = self._plan.prometheus
        way: Callable[[], str] = str
        if url is None:
            try:
                namespaces = list(dict.fromkeys(name.partition("/")[0] for name in self._plan.services))
                place = await find.prometheus_of(cluster, namespaces)
            except PlatformError as error:
                return self._no_prometheus(f"{error}; --prometheus URL names one")
            if place is None:
                return self._no_prometheus(
                    "no Service of the cluster looks like it; --prometheus URL names one"
                )
            forward = await stack.enter_async_context(find.reached(cluster, place))
            url = f"http://{await forward.start()}"
            way = partial(getattr, forward, "failure")
        poller = prometheus.PrometheusPoller(url, self._pods, self._take, self.core.began, way)
        self._tasks.start(poller.run())
        return None

    def _no_prometheus(self, lack: str) -> None:
        self._take(SourceState(prometheus.NAME, "", lack, time.time()))

    def _workload_of(self, pod: str) -> str | None:
        """The workload of a client pod that has told of itself."""
        for service in self.core.services.values():
            for workload in service.workloads:
                if pod in workload.pods:
                    return workload.name
        return None

    def _pods(self) -> Mapping[str, str]:
        namespaces: dict[str, str] = {}
        for name, service in self.core.services.items():
            namespace = name.partition("/")[0]
            for pod in service:
                if not pod.gone:
                    namespaces[pod.name] = namespace
                    if pod.ip:
                        namespaces[pod.ip] = namespace
        return namespaces


class _Tasks:
    """Background tasks; a failure of one is a defect, and is raised."""

    def __init__(self) -> None:
        self._running: set[asyncio.Task[None]] = set()
        self.failure: BaseException | None = None

    def start(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._running.add(task)
        task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._running.discard(task)
        if not task.cancelled() and self.failure is None:
            self.failure = task.exception()

    async def aclose(self) -> None:
        running = list(self._running)
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)
