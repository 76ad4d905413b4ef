"""A pod's environment: the specification's variables with Kubernetes' ``$(NAME)`` references. Pure."""

import re
from collections.abc import Mapping

INHERITED = ("HOME", "LANG", "LC_ALL", "LD_LIBRARY_PATH", "PATH", "TMPDIR", "TZ")
"""All that a pod gets of the study's environment: OTEL_* and GRPC_* of a user's shell must not leak in."""

_REFERENCE = re.compile(r"\$(?:\$|\(([A-Za-z_][A-Za-z0-9_.-]*)\))")


def base_environment(environ: Mapping[str, str]) -> dict[str, str]:
    """What programs need of the environment that the study itself was started in."""
    return {name: environ[name] for name in INHERITED if name in environ}


def pod_environment(
    base: Mapping[str, str], downward: Mapping[str, str], spec: Mapping[str, str]
) -> dict[str, str]:
    """All of a pod's environment.

    Args:
        base: see ``base_environment``.
        downward: what the platform tells the pod about itself: POD_NAME, POD_NAMESPACE, POD_IP.
        spec: the specification's variables, which may refer to the former and to those before them as
            ``$(POD_NAME)``. ``$$`` is a dollar; a reference to nothing stays as it is, as in Kubernetes.
    """
    known = dict(downward)
    for name, value in spec.items():
        known[name] = _REFERENCE.sub(
            lambda match: "$" if match[1] is None else known.get(match[1], match[0]), value
        )
    return {**base, **known}
