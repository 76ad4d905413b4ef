"""The way to a cluster's API: which cluster, with whose rights, and its errors in one line each."""

import asyncio
import os
from collections.abc import Awaitable, Callable, Iterator, Mapping
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
from lightkube.resources.core_v1 import Pod, Service

from lbstudy.platform.interface import PlatformError

ObjectT = TypeVar("ObjectT", Deployment, Job, Pod, Service)

AnswerT = TypeVar("AnswerT")

_PAUSES: Final = (0.1, 0.5, 2.0)  # s
_TIMEOUT: Final = 15.0  # s, for one answer
_MANAGER: Final = "lbstudy"


@dataclass(frozen=True, slots=True)
class Cluster:
    """A namespace of a cluster, and two clients that share its credentials.

    ``objects`` knows the API's types; ``http`` is for what streams: watches, logs, exec, port-forward.
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
    """The cluster of a context of the user's kubeconfig, or the one that this program runs in.

    Nothing is sent yet. Raises PlatformError.
    """
    config = _config(context)
    try:
        timeout = httpx2.Timeout(_TIMEOUT)
        streams = client_adapter.ConnectionParams(timeout=httpx2.Timeout(_TIMEOUT, read=None, pool=None))
        http = client_adapter.AsyncClient(config, streams)
        http.timeout = httpx2.Timeout(_TIMEOUT, read=None, pool=None)
        objects = AsyncClient(config, namespace=namespace, timeout=timeout, field_manager=_MANAGER)
    except (ConfigError, OSError, ValueError) as error:
        raise PlatformError(f"the kubeconfig cannot be used: {error}") from error
    return Cluster(config.cluster.server, config.context_name, namespace, objects, http)


def current_context() -> str:
    """The name of the context that is used when none is chosen. Raises PlatformError."""
    return _config(None).context_name


def _config(context: str | None) -> SingleConfig:
    where = os.environ.get("KUBECONFIG", "~/.kube/config")
    try:
        config = KubeConfig.from_env().get(context)
    except ConfigError as error:
        raise PlatformError(
            f"no cluster to use: {str(error).rstrip('.').lower()}; set KUBECONFIG, or choose with --context"
        ) from error
    except Exception as error:  # whatever a file that is no kubeconfig makes the parser say
        first = (str(error).splitlines() or [type(error).__name__])[0]
        raise PlatformError(f"{where}: is no kubeconfig: {first}") from error
    if config is None:
        raise PlatformError(f"{where}: names no current context; choose one with --context")
    return config


def typed(kind: type[ObjectT], made: Mapping[str, Any]) -> ObjectT:
    """An object as the API's client takes it."""
    found = kind.from_dict(dict(made))
    assert isinstance(found, kind)
    return found


async def persistently(ask: Callable[[], Awaitable[AnswerT]]) -> AnswerT:
    """Ask again when the connection broke, a few times: for what may be asked twice."""
    for pause in _PAUSES:
        try:
            return await ask()
        except httpx2.TransportError:
            await asyncio.sleep(pause)
    return await ask()


async def create(cluster: Cluster, made: Deployment | Job | Pod | Service) -> None:
    """Create an object. One that is there when it is asked for again was created by the first request."""
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
    """Turn what the API, or the way to it, answers into a PlatformError: "DOING: reason"."""
    try:
        yield
    except httpx2.HTTPError as error:
        raise PlatformError(f"{doing}: {reason(error)}") from error
    except ConfigError as error:
        raise PlatformError(f"{doing}: {error}") from error


def reason(error: BaseException) -> str:
    """What an error of the API, or of the way to it, says in one line."""
    if isinstance(error, ApiError):
        return " ".join((error.status.message or error.status.reason or "refused").split())
    if isinstance(error, httpx2.HTTPStatusError):
        return f"the API answered {error.response.status_code}"
    if isinstance(error, httpx2.TimeoutException):
        return "the API does not answer in time"
    if isinstance(error, httpx2.TransportError):
        return f"the API cannot be reached ({' '.join(str(error).split()) or type(error).__name__})"
    return " ".join(str(error).split()) or type(error).__name__


def status_of(error: Exception) -> int | None:
    """The HTTP status that the API refused with; None where it did not answer."""
    if isinstance(error, ApiError):
        return error.status.code
    return error.response.status_code if isinstance(error, httpx2.HTTPStatusError) else None
