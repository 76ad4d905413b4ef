"""A subject: data about the programs under study, a server and a client."""

import re
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import BeforeValidator, Field, field_validator, model_validator

from lbstudy.config import command as commands
from lbstudy.config.base import Document, Int, Origin, Seconds, Str, Table
from lbstudy.config.call import Call, client_of_call
from lbstudy.config.command import CLIENT, CLIENT_LISTS, SERVER, SERVER_LISTS, Command
from lbstudy.config.deployments import Deployments
from lbstudy.config.error import clipped
from lbstudy.config.method import Method

CONTROL_PORT = 50052
"""The port of a server pod's control service, if it has one."""
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*", re.ASCII)
_MODULE = r"^[A-Za-z_][A-Za-z0-9_]*(\.[A-Za-z_][A-Za-z0-9_]*)*$"
Signal = Literal["SIGTERM", "SIGINT", "SIGQUIT", "SIGHUP", "SIGUSR1", "SIGUSR2"]


def _environment(value: object, known: Mapping[str, str]) -> object:
    if isinstance(value, dict):
        for name, text in value.items():
            if not _VARIABLE.fullmatch(str(name)):
                raise ValueError(f"expected names of variables, found {clipped(repr(name))}")
            if not isinstance(text, str):
                raise ValueError(f"{clipped(name)}: expected a text")  # noqa: TRY004 - pydantic takes ValueError
            try:
                commands.check_text(text, list(known))
            except ValueError as error:
                raise ValueError(f"{clipped(name)}: {error}") from None
    return value


ServerCommand = Annotated[
    Command, BeforeValidator(lambda value: commands.read_command(value, SERVER, SERVER_LISTS))
]
ClientCommand = Annotated[
    Command, BeforeValidator(lambda value: commands.read_command(value, CLIENT, CLIENT_LISTS))
]
ServerEnvironment = Annotated[dict[str, str], BeforeValidator(lambda value: _environment(value, SERVER))]
ClientEnvironment = Annotated[dict[str, str], BeforeValidator(lambda value: _environment(value, CLIENT))]


class SubjectReady(Table):
    """When a pod of the servers is Ready."""

    by: Literal["grpc", "tcp", "http", "none"] = Field(
        default="tcp",
        description='"grpc" (the health service), "tcp" (it accepts connections), "http" (a path answers 200)'
        ' or "none" (Ready once it listens, and not looked at again)',
    )
    service: Str = Field(
        default="", max_length=200, description='a text: the service that is asked for, with by = "grpc"'
    )
    path: Str = Field(
        default="/",
        max_length=2000,
        pattern=r"^/[!-~]*$",
        description='a path, as "/healthz", with by = "http"',
    )
    port: Int | None = Field(
        default=None,
        ge=1,
        le=65_535,
        description="a port from 1 to 65535, of the probe (absent: the servers')",
    )
    within: Seconds = Field(
        default=120.0, gt=0, le=3600, description="seconds, above 0 and up to 3600: for the first servers"
    )

    @model_validator(mode="after")
    def _belongs(self) -> Self:
        if self.service and self.by != "grpc":
            raise ValueError(f'expected service only with by = "grpc", found by = "{self.by}"')
        if self.path != "/" and self.by != "http":
            raise ValueError(f'expected path only with by = "http", found by = "{self.by}"')
        return self


class End(Table):
    """How a pod of the servers is ended."""

    signal: Signal = Field(
        default="SIGTERM",
        description='"SIGTERM", "SIGINT", "SIGQUIT", "SIGHUP", "SIGUSR1" or "SIGUSR2": what is sent first',
    )
    patience: Seconds | None = Field(
        default=None,
        ge=0,
        le=3600,
        description="seconds, from 0 to 3600: until SIGKILL (absent: the setting's drain, and 5 s)",
    )


class _Program(Table):
    """What servers and clients share."""

    instrument: Annotated[bool, Field(strict=True)] = Field(
        default=False,
        description="true or false: started by opentelemetry-instrument; for the study's own Python only",
    )
    needs: Annotated[list[Str], Field(max_length=100)] = Field(
        default_factory=list, description="at most 100 paths of files that must be there, besides the program"
    )

    @field_validator("needs")
    @classmethod
    def _known_folders(cls, needs: list[str]) -> list[str]:
        for path in needs:
            commands.check_text(path, ["folder", "repository"])
        return needs


class SubjectServer(_Program):
    """The program that runs in one pod of the servers."""

    command: ServerCommand = Field(
        description='a list that begins with the program, as ["./server", "--listen", "{address}"]'
    )
    environment: ServerEnvironment = Field(
        default_factory=dict, description="a table of variables, with texts as values"
    )
    port: Int = Field(
        default=50051, ge=1, le=65_535, description=f"a port from 1 to 65535, other than {CONTROL_PORT}"
    )
    preload: Str = Field(
        default="",
        pattern=f"{_MODULE}|^$",
        max_length=200,
        description="a Python module that is imported once: pods start as forks",
    )
    ready: SubjectReady = Field(default=SubjectReady(), description="a table [server.ready]")
    end: End = Field(default=End(), description="a table [server.end]")

    @model_validator(mode="after")
    def _together(self) -> Self:
        if self.port == CONTROL_PORT:
            raise ValueError(f"port: expected another port than {CONTROL_PORT}, at which servers take faults")
        _check_python(self.command, is_needed=self.instrument or bool(self.preload))
        return self


class SubjectClient(_Program):
    """The program that runs in one process of clients."""

    command: ClientCommand = Field(
        description='a list that begins with the program, as ["./client", "--target", "{target}"]'
    )
    environment: ClientEnvironment = Field(
        default_factory=dict, description="a table of variables, with texts as values"
    )
    resolver: Literal["grpc", "system"] = Field(
        default="grpc",
        description='"grpc" (the program asks the DNS server that its target names)'
        ' or "system" (it asks the one of /etc/resolv.conf)',
    )
    start: Seconds = Field(
        default=0.0,
        ge=0,
        le=600,
        description="seconds, from 0 to 600: what the program needs until its first RPC, on a busy machine",
    )
    check: Annotated[list[Annotated[Str, Field(min_length=1, max_length=1000)]], Field(max_length=20)] = (
        Field(
            default_factory=list,
            description="at most 20 texts: words that make the command open a channel and end, with status 2"
            " when its gRPC refuses the service config",
        )
    )
    calls: Annotated[list[Method], Field(max_length=100)] = Field(
        default_factory=list, description='at most 100 methods that it calls, as "orders.v1.Orders/Get"'
    )

    @model_validator(mode="after")
    def _together(self) -> Self:
        _check_python(self.command, is_needed=self.instrument)
        return self


class Subject(Document):
    """A subject file."""

    name: Str = Field(
        min_length=1,
        # Pods and hosts are called <subject>-<setting>…, and a DNS label has at most 63 characters.
        max_length=20,
        pattern=r"^[a-z]([-a-z0-9]*[a-z0-9])?$",
        description="a name of lower-case letters, digits and hyphens that begins with a letter, at most 20",
    )
    build: Str = Field(
        default="", max_length=200, description="a text: the command that builds the programs, for the reader"
    )
    server: SubjectServer | None = Field(default=None, description="a table [server] with command")
    client: SubjectClient | None = Field(default=None, description="a table [client] with command")
    call: Call | None = Field(default=None, description="a table [call] with method, in place of [client]")
    kubernetes: Deployments | None = Field(
        default=None, description="a table [kubernetes] with server, in place of [server] and [client]"
    )

    @model_validator(mode="after")
    def _one_server(self) -> Self:
        if (self.server is None) == (self.kubernetes is None):
            given = "both" if self.server is not None else "neither"
            raise ValueError(
                "expected either [server] (a program of yours) or [kubernetes] (Deployments of a cluster),"
                f" found {given}"
            )
        return self

    @model_validator(mode="after")
    def _one_client(self) -> Self:
        if self.kubernetes is not None:
            self._check_deployments(self.kubernetes)
        elif (self.client is None) == (self.call is None):
            given = "both" if self.client is not None else "neither"
            raise ValueError(
                "expected either [client] (a program of yours) or [call] (what the study's client calls),"
                f" found {given}"
            )
        return self

    def _check_deployments(self, named: Deployments) -> None:
        if self.client is not None:
            raise ValueError("expected no [client] beside [kubernetes]: there, client = names a Deployment")
        if (named.client is None) == (self.call is None):
            given = "both" if self.call is not None else "neither"
            raise ValueError(
                "expected either client in [kubernetes] (a Deployment of yours) or [call] (what the study's"
                f" client calls), found {given}"
            )
        if named.client is None and named.target_env:
            raise ValueError("expected target_env in [kubernetes] only with client")
        if named.port is not None and self.call is None:
            raise ValueError("expected port in [kubernetes] only with [call]")
        if self.call is not None and (self.call.descriptor_set or self.call.protos):
            raise ValueError(
                "expected neither descriptor_set nor protos in [call] with [kubernetes]: the cluster"
                " does not have files of this machine; the servers are asked by reflection"
            )

    @classmethod
    def of_deployments(cls, server: str, client: str, target_env: Sequence[str] = ()) -> Self:
        """Return a subject that names two Deployments, as a file would.

        Args:
            server: the name of the servers' Deployment.
            client: the name of the clients' Deployment.
            target_env: environment variables of the clients that contain the servers' address.
        """
        name = re.sub(r"[^a-z0-9]+", "-", server).strip("-")
        name = (name if name[:1].isalpha() else f"s-{name}")[:20].rstrip("-")
        text = (
            f'name = "{name}"\n'
            f'description = "deployment/{server}, called by deployment/{client}"\n\n'
            "[kubernetes]\n"
            f'server = "deployment/{server}"\n'
            f'client = "deployment/{client}"\n'
        )
        if target_env:
            text += f"target_env = {list(target_env)}\n"
        return cls.model_validate(tomllib.loads(text)).read_from(Origin(None, text))

    @property
    def folder(self) -> Path:
        """The folder of its file; relative paths in the file begin there."""
        return self.path.resolve().parent if self.path is not None else Path.cwd()

    @property
    def server_program(self) -> SubjectServer:
        """The servers' program; for copied Deployments, one without placeholders."""
        if self.server is not None:
            return self.server
        assert self.kubernetes is not None
        return SubjectServer(command=(f"deployment/{self.kubernetes.server}",))

    @property
    def client_program(self) -> SubjectClient:
        """The client: its own program, the study's with the subject's call, or a Deployment's, as above."""
        if self.client is not None:
            return self.client
        if self.kubernetes is not None and self.kubernetes.client is not None:
            return SubjectClient(command=(f"deployment/{self.kubernetes.client}",))
        assert self.call is not None
        return SubjectClient(
            command=client_of_call(self.call, self.folder),
            environment={"grpc_proxy": ""},  # the study's own channels use no proxy
            instrument=True,
            calls=[self.call.method],
        )

    @property
    def is_c_core(self) -> bool:
        """Whether its clients are the study's own Python client, and so use gRPC's C core."""
        return self.call is not None or self.client_program.command[:2] == ("{python}", "-m")

    @property
    def takes_service_config(self) -> bool:
        """Whether its clients use a setting's service config."""
        client = self.client_program
        return "service_config" in commands.used(client.command, client.environment)

    @property
    def methods(self) -> list[str]:
        """The methods that its clients call, as far as the file says: "orders.v1.Orders/Get"."""
        return list(self.client_program.calls)


def _check_python(command: Command, *, is_needed: bool) -> None:
    if is_needed and not (
        len(command) > 2 and command[:2] == ("{python}", "-m") and isinstance(command[2], str)
    ):
        raise ValueError(
            'instrument and preload are for the study\'s own Python: expected command = ["{python}", "-m", …]'
        )
