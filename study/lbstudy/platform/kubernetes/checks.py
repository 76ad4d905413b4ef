"""What a run on a cluster needs of it, and how to get what is missing."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

import httpx2
from lightkube import ApiError
from lightkube.resources.apps_v1 import Deployment
from lightkube.resources.core_v1 import Namespace

from lbstudy.platform.interface import PlatformError
from lbstudy.platform.kubernetes import names
from lbstudy.platform.kubernetes.api import Cluster, reason, status_of
from lbstudy.platform.kubernetes.control_plane import CONTAINER
from lbstudy.platform.kubernetes.services import ready_pod
from lbstudy.platform.kubernetes.templates import container_name

_APPLY: Final = "kubectl apply -k k8s"
_APPLY_PUSH: Final = "kubectl apply -k k8s/overlays/push"
_ALLOW: Final = "the Role lbstudy-runner of k8s/ has what is needed"
_RIGHTS: Final = (
    ("coordination.k8s.io", "leases", "", ("get", "list", "watch", "create", "patch", "delete")),
    ("apps", "deployments", "", ("get", "create", "patch", "delete")),
    ("", "services", "", ("get", "create")),
    ("batch", "jobs", "", ("create", "delete")),
    ("", "pods", "", ("list", "watch", "create", "patch")),
    ("", "pods", "log", ("get",)),
    ("", "pods", "exec", ("get", "create")),
    ("", "pods", "portforward", ("get", "create")),
    ("discovery.k8s.io", "endpointslices", "", ("list", "watch")),
)


PUSHED: Final = 'discovery = "xds"'
"""The settings that need a control plane."""


@dataclass(frozen=True, slots=True)
class Need:
    """Something that a run needs, and whether it is there."""

    name: str
    is_met: bool
    found: str
    advice: str = ""
    only_for: str = ""  # settings of that kind; empty: every run needs it


async def needs(cluster: Cluster) -> list[Need]:
    """Look at everything; when the API cannot be asked, that is all there is to tell."""
    api = await _api(cluster)
    if not api.is_met:
        return [api]
    namespace = await _namespace(cluster)
    if not namespace.is_met:
        return [api, namespace]
    rest = await asyncio.gather(
        _rights(cluster),
        _deployment(cluster, names.SERVER_TEMPLATE, "server"),
        _deployment(cluster, names.CLIENT_TEMPLATE, "client"),
        _control_plane(cluster),
        _service(cluster, names.COLLECTOR),
        _service(cluster, names.JAEGER),
        _service(cluster, names.PROMETHEUS),
    )
    return [api, namespace, *rest]


async def require(cluster: Cluster, *, control_plane: bool) -> None:
    """Raise a PlatformError with what is missing, all of it in one line.

    Args:
        cluster: where.
        control_plane: the run has settings that are pushed.
    """
    missing: dict[str, list[str]] = {}
    for need in await needs(cluster):
        if not need.is_met and (control_plane or need.only_for != PUSHED):
            missing.setdefault(need.advice, []).append(need.found)
    if missing:
        told = "; ".join(
            ", ".join(found) + (f" ({advice})" if advice else "") for advice, found in missing.items()
        )
        raise PlatformError(f"{told}; lbstudy doctor --on kubernetes looks at everything")


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
            return Need("namespace", False, f"there is no namespace {name}", _APPLY)
        if status_of(error) != httpx2.codes.FORBIDDEN:  # who may not look at it may still use it
            return Need("namespace", False, f"namespace {name}: {reason(error)}")
    return Need("namespace", True, name)


async def _rights(cluster: Cluster) -> Need:
    asked = [
        (verb, group, resource, subresource)
        for group, resource, subresource, verbs in _RIGHTS
        for verb in verbs
    ]
    try:
        allowed = await asyncio.gather(*(_may(cluster, *one) for one in asked))
    except (httpx2.HTTPError, KeyError, ValueError) as error:
        return Need("permissions", False, f"permissions cannot be asked for: {reason(error)}")
    lacking: dict[str, list[str]] = {}
    for (verb, _, resource, subresource), is_allowed in zip(asked, allowed, strict=True):
        if not is_allowed:
            lacking.setdefault(f"{resource}/{subresource}".rstrip("/"), []).append(verb)
    if lacking:
        told = ", ".join(f"{'/'.join(verbs)} {what}" for what, verbs in lacking.items())
        return Need("permissions", False, f"not allowed in namespace {cluster.namespace}: {told}", _ALLOW)
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


async def _deployment(cluster: Cluster, name: str, container: str) -> Need:
    what = f"Deployment {name}"
    try:
        found: Mapping[str, Any] = (await cluster.objects.get(Deployment, name)).to_dict()
        container_name(dict(found), container)
    except PlatformError as error:
        return Need(what, False, f"{what}: {error}", _APPLY)
    except httpx2.HTTPError as error:
        is_absent = isinstance(error, ApiError) and error.status.code == httpx2.codes.NOT_FOUND
        told = f"there is no {what}" if is_absent else f"{what}: {reason(error)}"
        return Need(what, False, told, _APPLY if is_absent else "")
    selector = found["spec"]["selector"].get("matchLabels") or {}
    if names.WORKLOAD not in selector:
        return Need(what, False, f"{what}: its selector lacks the label {names.WORKLOAD}", _APPLY)
    return Need(what, True, "its pod template is there")


async def _control_plane(cluster: Cluster) -> Need:
    """The applied control plane, whose pod template those of a run have."""
    found = await _deployment(cluster, names.PUSH_TEMPLATE, CONTAINER)
    advice = _APPLY_PUSH if found.advice == _APPLY else found.advice
    return replace(found, advice=advice, only_for=PUSHED)


async def _service(cluster: Cluster, name: str) -> Need:
    what = f"Service {name}"
    try:
        pod = await ready_pod(cluster, name)
    except PlatformError as error:
        cause = error.__cause__
        if isinstance(cause, ApiError) and cause.status.code == httpx2.codes.NOT_FOUND:
            return Need(what, False, f"there is no {what}", _APPLY)
        advice = f"kubectl -n {cluster.namespace} get pods"
        return Need(what, False, str(error), advice)
    return Need(what, True, pod)
