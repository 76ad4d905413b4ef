"""Where a run's pods come from: the applied greeter and client, or named Deployments. No I/O."""

from dataclasses import dataclass
from typing import Protocol

from lbstudy.platform.interface import ClientSpec, ServerSpec
from lbstudy.platform.kubernetes import copies, objects
from lbstudy.platform.kubernetes.names import Object, Owner
from lbstudy.platform.kubernetes.templates import container_name, container_of
from lbstudy.platform.kubernetes.workloads import Workloads, main_container


class ObjectSource(Protocol):
    """Makes the objects of a run."""

    def deployment(self, spec: ServerSpec, owner: Owner) -> Object:
        """Return the Deployment of a setting's servers."""

    def service(self, spec: ServerSpec, owner: Owner) -> Object:
        """Return their headless Service."""

    def job(self, spec: ClientSpec, owner: Owner, *, is_pushed: bool) -> Object:
        """Return the Job of a setting's clients."""

    @property
    def server_container(self) -> str:
        """The name of the servers' container."""

    @property
    def client_container(self) -> str:
        """The name of the clients' container."""

    @property
    def client_grace(self) -> int | None:
        """Seconds that a client has to end after it is told to; None: it ends by itself after its load."""


@dataclass(frozen=True, slots=True)
class Applied:
    """The study's own programs, in the pods of the Deployments that k8s/ applies."""

    server: Object
    client: Object

    def deployment(self, spec: ServerSpec, owner: Owner) -> Object:
        """See ObjectSource."""
        return objects.deployment(self.server, spec, owner)

    def service(self, spec: ServerSpec, owner: Owner) -> Object:
        """See ObjectSource."""
        return objects.service(spec, owner)

    def job(self, spec: ClientSpec, owner: Owner, *, is_pushed: bool) -> Object:
        """See ObjectSource."""
        return objects.job(self.client, spec, owner, is_pushed=is_pushed)

    @property
    def server_container(self) -> str:
        """See ObjectSource. Raises PlatformError."""
        return container_name(self.server, "server")

    @property
    def client_container(self) -> str:
        """See ObjectSource. Raises PlatformError."""
        return container_name(self.client, "client")

    @property
    def client_grace(self) -> int | None:
        """See ObjectSource."""
        return None


@dataclass(frozen=True, slots=True)
class Named:
    """The user's own programs, in copies of the pods of named Deployments.

    Attributes:
        workloads: the named Deployments.
        caller: the applied Deployment of the study's client. It calls servers that have no named client, and
            its image sends signals.
    """

    workloads: Workloads
    caller: Object

    def deployment(self, spec: ServerSpec, owner: Owner) -> Object:
        """See ObjectSource."""
        image = container_of(self.caller["spec"]["template"], "client")["image"]
        return copies.deployment(self.workloads, spec, owner, image)

    def service(self, spec: ServerSpec, owner: Owner) -> Object:
        """See ObjectSource."""
        return copies.service(self.workloads, spec, owner)

    def job(self, spec: ClientSpec, owner: Owner, *, is_pushed: bool) -> Object:
        """See ObjectSource."""
        assert not is_pushed, "refused by run.fit"
        if self.workloads.client is None:
            return objects.job(self.caller, spec, owner, port=self.workloads.called_port)
        return copies.job(self.workloads, self.workloads.client, spec, owner)

    @property
    def server_container(self) -> str:
        """See ObjectSource. Raises PlatformError."""
        return str(main_container(self.workloads.server)["name"])

    @property
    def client_container(self) -> str:
        """See ObjectSource. Raises PlatformError."""
        if self.workloads.client is None:
            return container_name(self.caller, "client")
        return str(main_container(self.workloads.client)["name"])

    @property
    def client_grace(self) -> int | None:
        """See ObjectSource."""
        return None if self.workloads.client is None else copies.grace(self.workloads.client)
