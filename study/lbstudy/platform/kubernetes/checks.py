"""What a run needs in a cluster, and how to get what is missing."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

import httpx2
from lightkube import ApiError
from lightkube.resources.apps_v1 import Deployment
from lightkube.resources.core_v1 import Namespace

from lbstudy.platform.interface import PlatformError
from lbstudy.platform.kubernetes import names, rights
from lbstudy.platform.kubernetes.api import Cluster, reason, status_of
from lbstudy.platform.kubernetes.control_plane import CONTAINER
from lbstudy.platform.kubernetes.forward import ready_pod
from lbstudy.platform.kubernetes.templates import container_name

_K8S: Final = "k8s"
_PUSH: Final = "k8s/overlays/push"
_ALLOW: Final = "the Role lbstudy-runner of k8s/ has what is needed"
PUSHED: Final = 'discovery = "xds"'
"""The settings that need a control plane, in words."""


@dataclass(frozen=True, slots=True)
class Need:
    """Something that a run needs, and whether it is there."""

    name: str
    is_met: bool
    found: str
    advice: str = ""
    only_for: str = ""  # the settings that need it; empty: every run


def apply(namespace: str, folder: str = _K8S) -> str:
    """Return how to apply what is missing in a namespace."""
    if namespace == names.NAMESPACE:
        return f"kubectl apply -k {folder}"
    return f"apply {folder} with an overlay that says namespace: {namespace}, as docs/kubernetes.md shows"


async def needs(cluster: Cluster, *, by_name: bool = False) -> list[Need]:
    """Check everything; if the API does not answer, that is the only result.

    Args:
        cluster: the cluster.
        by_name: whether servers other than the applied greeter are studied.
    """
    api = await _api(cluster)
    if not api.is_met:
        return [api]
    namespace = await _namespace(cluster)
    if not namespace.is_met:
        return [api, namespace]
    rest = await asyncio.gather(
        _rights(cluster),
        *([] if by_name else [_deployment(cluster, names.SERVER_TEMPLATE, "server")]),
        _deployment(cluster, names.CLIENT_TEMPLATE, "client"),
        _control_plane(cluster),
        _service(cluster, names.COLLECTOR),
        _service(cluster, names.JAEGER),
        _service(cluster, names.PROMETHEUS),
    )
    return [api, namespace, *rest]


async def require(cluster: Cluster, *, control_plane: bool, by_name: bool = False) -> None:
    """Raise a PlatformError with everything that is missing, in one line.

    Args:
        cluster: the cluster.
        control_plane: whether the run has settings with a control plane.
        by_name: whether it studies servers other than the applied greeter.
    """
    missing: dict[str, list[str]] = {}
    for need in await needs(cluster, by_name=by_name):
        if not need.is_met and (control_plane or need.only_for != PUSHED):
            missing.setdefault(need.advice, []).append(need.found)
    if missing:
        text = "; ".join(
            ", ".join(lacks) + (f" ({advice})" if advice else "") for advice, lacks in missing.items()
        )
        raise PlatformError(f"{text}; lbstudy doctor --on kubernetes looks at everything")


async def _api(cluster: Cluster) -> Need:
    try:
        answer = await cluster.http.get("/version", timeout=10.0)
        answer.raise_for_status()
        version = answer.json()["gitVersion"]
    except (httpx2.HTTPError, ValueError, KeyError, TypeError) as error:
        advice = "is the cluster up, and the context the right one?"
        return Need("API", False, f"{cluster.server}: {reason(error)}", advice)
    return Need("API", True, f"{version} at {cluster.server} ({cluster.context})")


async def _namespace(cluster: Cluster) -> Need:
    name = cluster.namespace
    try:
        await cluster.objects.get(Namespace, name)
    except httpx2.HTTPError as error:
        if status_of(error) == httpx2.codes.NOT_FOUND:
            return Need("namespace", False, f"there is no namespace {name}", apply(name))
        # without the right to look at it, the user may still use it
        if status_of(error) != httpx2.codes.FORBIDDEN:
            return Need("namespace", False, f"namespace {name}: {reason(error)}")
    return Need("namespace", True, name)


async def _rights(cluster: Cluster) -> Need:
    asked = list(rights.asked())
    try:
        allowed = await asyncio.gather(*(_may(cluster, *right) for right in asked))
    except (httpx2.HTTPError, KeyError, ValueError) as error:
        return Need("permissions", False, f"permissions cannot be checked: {reason(error)}")
    lacking: dict[str, list[str]] = {}
    for (verb, _, resource, subresource), is_allowed in zip(asked, allowed, strict=True):
        if not is_allowed:
            lacking.setdefault(f"{resource}/{subresource}".rstrip("/"), []).append(verb)
    if lacking:
        text = ", ".join(f"{'/'.join(verbs)} {what}" for what, verbs in lacking.items())
        return Need("permissions", False, f"not allowed in namespace {cluster.namespace}: {text}", _ALLOW)
    return Need("permissions", True, f"all {len(asked)}")


async def _may(cluster: Cluster, verb: str, group: str, resource: str, subresource: str) -> bool:
    attributes = {"namespace": cluster.namespace, "verb": verb, "group": group, "resource": resource}
    if subresource:
        attributes["subresource"] = subresource
    body = {
        "apiVersion": "authorization.k8s.io/v1",
        "kind": "SelfSubjectAccessReview",
        "spec": {"resourceAttributes": attributes},
    }
    url = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"
    answer = await cluster.http.post(url, json=body, timeout=15.0)
    answer.raise_for_status()
    return bool(answer.json()["status"]["allowed"])


async def _deployment(cluster: Cluster, name: str, container: str, folder: str = _K8S) -> Need:
    what, applied = f"Deployment {name}", apply(cluster.namespace, folder)
    try:
        deployment: Mapping[str, Any] = (await cluster.objects.get(Deployment, name)).to_dict()
        container_name(dict(deployment), container)
    except PlatformError as error:
        return Need(what, False, f"{what}: {error}", applied)
    except httpx2.HTTPError as error:
        is_absent = isinstance(error, ApiError) and error.status.code == httpx2.codes.NOT_FOUND
        text = f"there is no {what}" if is_absent else f"{what}: {reason(error)}"
        return Need(what, False, text, applied if is_absent else "")
    selector = deployment["spec"]["selector"].get("matchLabels") or {}
    if names.WORKLOAD not in selector:
        return Need(what, False, f"{what}: its selector lacks the label {names.WORKLOAD}", applied)
    return Need(what, True, "its pod template is there")


async def _control_plane(cluster: Cluster) -> Need:
    """Check the applied control plane, whose pod template the control planes of a run use."""
    need = await _deployment(cluster, names.PUSH_TEMPLATE, CONTAINER, _PUSH)
    return replace(need, only_for=PUSHED)


async def _service(cluster: Cluster, name: str) -> Need:
    what = f"Service {name}"
    try:
        pod = await ready_pod(cluster, name)
    except PlatformError as error:
        cause = error.__cause__
        if isinstance(cause, ApiError) and cause.status.code == httpx2.codes.NOT_FOUND:
            return Need(what, False, f"there is no {what}", apply(cluster.namespace))
        advice = f"kubectl -n {cluster.namespace} get pods"
        return Need(what, False, str(error), advice)
    return Need(what, True, pod)
