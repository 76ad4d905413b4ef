"""Connects to a cluster's API: chooses cluster and credentials, and describes errors in one line each."""

import asyncio
import os
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final, TypeVar

import httpx2
from lightkube import ApiError, AsyncClient, KubeConfig
from lightkube.config import client_adapter
from lightkube.config.kubeconfig import SingleConfig
from lightkube.core.exceptions import ConfigError
from lightkube.resources.apps_v1 import Deployment
from lightkube.resources.batch_v1 import Job
from lightkube.resources.core_v1 import Pod, Secret, Service

from lbstudy.platform.interface import PlatformError

ObjectT = TypeVar("ObjectT", Deployment, Job, Pod, Secret, Service)

AnswerT = TypeVar("AnswerT")
ItemT = TypeVar("ItemT")

_PAUSES: Final = (0.1, 0.5, 2.0)  # s
_TIMEOUT: Final = 15.0  # s, for one answer
FREE_WITHIN: Final = 30.0
"""s to wait for a free connection: there are 100, and no code holds one for each pod."""
AT_ONCE: Final = 16
"""Pods for which the API is called at the same time."""
_MANAGER: Final = "lbstudy"


@dataclass(frozen=True, slots=True)
class Cluster:
    """A namespace of a cluster, and two clients that share its credentials.

    ``objects`` knows the API's types; ``http`` is for streams: watches, logs, exec, port-forward.
    """

    server: str  # the API's URL
    context: str
    namespace: str
    objects: AsyncClient
    http: httpx2.AsyncClient

    async def aclose(self) -> None:
        """Close both clients."""
        await self.objects.close()
        await self.http.aclose()


def connect(context: str | None, namespace: str) -> Cluster:
    """Return the cluster of a kubeconfig's context, or the one that this program runs in.

    Sends nothing yet. Raises PlatformError.
    """
    config = _config(context)
    try:
        timeout = httpx2.Timeout(_TIMEOUT)
        streams = client_adapter.ConnectionParams(
            timeout=httpx2.Timeout(_TIMEOUT, read=None, pool=FREE_WITHIN)
        )
        http = client_adapter.AsyncClient(config, streams)
        http.timeout = httpx2.Timeout(_TIMEOUT, read=None, pool=FREE_WITHIN)
        objects = AsyncClient(config, namespace=namespace, timeout=timeout, field_manager=_MANAGER)
    except (ConfigError, OSError, ValueError) as error:
        raise PlatformError(f"the kubeconfig cannot be used: {error}") from error
    return Cluster(config.cluster.server, config.context_name, namespace, objects, http)


def current_context() -> str:
    """Return the name of the context that is used if none is chosen. Raises PlatformError."""
    return _config(None).context_name


def current_namespace(context: str | None) -> str:
    """Return the namespace that a kubeconfig's context names, or "default". Raises PlatformError."""
    return _config(context).namespace or "default"


def _config(context: str | None) -> SingleConfig:
    where = os.environ.get("KUBECONFIG", "~/.kube/config")
    try:
        config = KubeConfig.from_env().get(context)
    except ConfigError as error:
        raise PlatformError(
            f"no cluster to use: {str(error).rstrip('.').lower()}; set KUBECONFIG, or choose with --context"
        ) from error
    except Exception as error:  # whatever the parser raises for a file that is not a kubeconfig
        first = (str(error).splitlines() or [type(error).__name__])[0]
        raise PlatformError(f"{where}: is no kubeconfig: {first}") from error
    if config is None:
        raise PlatformError(f"{where}: names no current context; choose one with --context")
    return config


def typed(kind: type[ObjectT], made: Mapping[str, Any]) -> ObjectT:
    """Return an object in the type that the API's client takes."""
    converted = kind.from_dict(dict(made))
    assert isinstance(converted, kind)
    return converted


async def persistently(ask: Callable[[], Awaitable[AnswerT]]) -> AnswerT:
    """Repeat a call a few times if the connection broke; for calls that may be repeated."""
    for pause in _PAUSES:
        try:
            return await ask()
        except httpx2.TransportError:
            await asyncio.sleep(pause)
    return await ask()


async def for_each(ask: Callable[[ItemT], Awaitable[None]], items: Iterable[ItemT]) -> None:
    """Call ``ask`` for each item, a limited number at a time; raises an error after all calls have ended."""
    slots = asyncio.Semaphore(AT_ONCE)

    async def in_turn(item: ItemT) -> None:
        async with slots:
            await ask(item)

    results = await asyncio.gather(*(in_turn(item) for item in items), return_exceptions=True)
    for result in results:
        if isinstance(result, BaseException):
            raise result


async def create(cluster: Cluster, made: Deployment | Job | Pod | Secret | Service) -> None:
    """Create an object. If a repeated request finds it there, the first request has created it."""
    attempts = 0

    async def ask() -> None:
        nonlocal attempts
        attempts += 1
        try:
            await cluster.objects.create(made)
        except ApiError as error:
            if error.status.code != httpx2.codes.CONFLICT or attempts == 1:
                raise

    await persistently(ask)


@contextmanager
def api_errors(doing: str) -> Iterator[None]:
    """Turn an error of the API, or of the connection to it, into a PlatformError: "DOING: reason"."""
    try:
        yield
    except httpx2.HTTPError as error:
        raise PlatformError(f"{doing}: {reason(error)}") from error
    except ConfigError as error:
        raise PlatformError(f"{doing}: {error}") from error


def reason(error: BaseException) -> str:
    """Describe an error of the API, or of the connection to it, in one line."""
    if isinstance(error, ApiError):
        return " ".join((error.status.message or error.status.reason or "refused").split())
    if isinstance(error, httpx2.HTTPStatusError):
        return f"the API answered {error.response.status_code}"
    if isinstance(error, httpx2.PoolTimeout):
        return f"none of the connections to the API was free within {FREE_WITHIN:.0f} s"
    if isinstance(error, httpx2.TimeoutException):
        return "the API does not answer in time"
    if isinstance(error, httpx2.TransportError):
        return f"the API cannot be reached ({' '.join(str(error).split()) or type(error).__name__})"
    return " ".join(str(error).split()) or type(error).__name__


def status_of(error: Exception) -> int | None:
    """Return the HTTP status with which the API refused; None if it did not answer."""
    if isinstance(error, ApiError):
        return error.status.code
    return error.response.status_code if isinstance(error, httpx2.HTTPStatusError) else None
