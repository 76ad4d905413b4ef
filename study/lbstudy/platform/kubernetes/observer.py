"""Reads, from the logs of the observer pod and of control planes, which servers clients are sent to."""

from importlib.resources import files

import msgspec

from lbstudy.platform.kubernetes.pods import Receipt


class AnswerChange(msgspec.Struct, frozen=True):
    """The answer for a name changed; see ``observer_program``."""

    name: str
    rcode: str
    addresses: list[str]
    before: int
    after: int

    @property
    def receipt(self) -> Receipt:
        """When it was received, by the pod's clock."""
        return Receipt(self.after, (self.after - self.before) / 1e9)


def program() -> str:
    """Return the observer's source."""
    return files(__package__).joinpath("observer_program.py").read_text(encoding="utf-8")


def read_answer(line: str) -> AnswerChange | None:
    """Parse a line of the observer's log; None if it is not an answer."""
    try:
        return msgspec.json.decode(line, type=AnswerChange)
    except msgspec.DecodeError:
        return None


class _Told(msgspec.Struct, frozen=True):
    """What a control plane writes about a service's endpoints; ``addresses`` have ports."""

    event: str
    time_unix_nano: int
    service: str = ""
    addresses: tuple[str, ...] = ()


def read_told(line: str, service: str) -> AnswerChange | None:
    """Parse a line of a control plane's log: the servers that it sends to the service's clients.

    None if the line is about something else. The instant is the control plane's own.
    """
    try:
        event = msgspec.json.decode(line, type=_Told)
    except msgspec.DecodeError:
        return None
    if event.service != service or event.event not in {"endpoints", "withheld"}:
        return None
    hosts = [address.rpartition(":")[0].strip("[]") for address in event.addresses]
    return AnswerChange(service, "NOERROR", hosts, event.time_unix_nano, event.time_unix_nano)
