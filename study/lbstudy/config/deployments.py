"""``[kubernetes]``: a subject's programs as Deployments of a cluster, whose pods a run copies."""

import re
from typing import Annotated, Final

from pydantic import BeforeValidator, Field

from lbstudy.config.base import Int, Str, Table
from lbstudy.config.error import clipped

_KINDS: Final = ("deployment", "deployments", "deploy", "deployment.apps")
_NAME: Final = re.compile(r"[a-z0-9]([-a-z0-9.]*[a-z0-9])?")
_LONGEST_NAME: Final = 253


def deployment_name(text: object) -> str:
    """Return NAME of "deployment/NAME", which kubectl also accepts. Raises ValueError."""
    kind, _, name = text.partition("/") if isinstance(text, str) else ("", "", "")
    if kind not in _KINDS or not _NAME.fullmatch(name) or len(name) > _LONGEST_NAME:
        shown = f'"{clipped(text)}"' if isinstance(text, str) else clipped(repr(text))
        raise ValueError(f"expected deployment/NAME, found {shown}")
    return name


DeploymentName = Annotated[str, BeforeValidator(deployment_name)]
VARIABLE: Final = r"^[A-Za-z_][A-Za-z0-9_]*$"
"""A valid name of an environment variable."""


class Deployments(Table):
    """Deployments of a cluster, instead of programs.

    Attributes:
        server: the name of the servers' Deployment.
        client: the name of the clients' Deployment; None: the study's client calls the servers.
        target_env: environment variables of the clients that contain the servers' address.
        port: the servers' port that the study's client calls; None: the only port of a Service.
    """

    server: DeploymentName = Field(description='a text, as "deployment/orders"')
    client: DeploymentName | None = Field(
        default=None, description='a text, as "deployment/checkout" (absent: [call])'
    )
    target_env: Annotated[list[Annotated[Str, Field(pattern=VARIABLE)]], Field(max_length=100)] = Field(
        default_factory=list, description="at most 100 names of variables of the client, each a text"
    )
    port: Int | None = Field(
        default=None, ge=1, le=65_535, description="a port from 1 to 65535, of the servers' pods, for [call]"
    )
