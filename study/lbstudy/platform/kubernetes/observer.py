"""What the observer pod tells of DNS."""

from importlib.resources import files

import msgspec

from lbstudy.platform.kubernetes.pods import Receipt


class Answer(msgspec.Struct, frozen=True):
    """A name's answer changed; see ``observer_program``."""

    name: str
    rcode: str
    addresses: list[str]
    before: int
    after: int

    @property
    def receipt(self) -> Receipt:
        """When, by the pod's clock."""
        return Receipt(self.after, (self.after - self.before) / 1e9)


def program() -> str:
    """The observer's source."""
    return files(__package__).joinpath("observer_program.py").read_text(encoding="utf-8")


def read_answer(line: str) -> Answer | None:
    """A line of the observer's log; None for one that is no answer."""
    try:
        return msgspec.json.decode(line, type=Answer)
    except msgspec.DecodeError:
        return None
