"""A pod's environment: the spec's variables, with Kubernetes' ``$(NAME)`` references. No I/O."""

import re
from collections.abc import Mapping

INHERITED = ("HOME", "LANG", "LC_ALL", "LD_LIBRARY_PATH", "PATH", "TMPDIR", "TZ")
"""All that a pod inherits from the study's environment: OTEL_* and GRPC_* of the user's shell must not."""

_PROXIES = ("all_proxy", "grpc_proxy", "http_proxy", "https_proxy", "no_grpc_proxy", "no_proxy")
"""Programs under study also get these, in lower and upper case: they decide themselves about a proxy."""
_REFERENCE = re.compile(r"\$(?:\$|\(([A-Za-z_][A-Za-z0-9_.-]*)\))")


def base_environment(environ: Mapping[str, str]) -> dict[str, str]:
    """Return what programs need of the environment in which the study was started."""
    return {name: environ[name] for name in INHERITED if name in environ}


def proxy_environment(environ: Mapping[str, str]) -> dict[str, str]:
    """Return the variables that name proxies, from the study's environment."""
    return {name: environ[name] for proxy in _PROXIES for name in (proxy, proxy.upper()) if name in environ}


def pod_environment(
    base: Mapping[str, str], downward: Mapping[str, str], spec: Mapping[str, str]
) -> dict[str, str]:
    """Return the whole environment of a pod.

    Args:
        base: see ``base_environment``.
        downward: what the platform tells the pod about itself: POD_NAME, POD_NAMESPACE, POD_IP.
        spec: the spec's variables, which may refer to the former and to earlier ones as ``$(POD_NAME)``.
            ``$$`` is a dollar; a reference to an unknown variable stays as it is, as in Kubernetes.
    """
    known = dict(downward)
    for name, value in spec.items():
        known[name] = _REFERENCE.sub(
            lambda match: "$" if match[1] is None else known.get(match[1], match[0]), value
        )
    return {**base, **known}
