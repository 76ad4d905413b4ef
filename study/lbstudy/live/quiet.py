"""A view that shows nothing, for many runs in a row: their command prints enough."""

from collections.abc import Collection

from lbstudy.live.view import AddressList, Traffic
from lbstudy.platform.interface import Change


class Quiet:
    """See ``live.view.View``."""

    def begin(self, title: str, settings: list[str], duration: float, pushed: Collection[str] = ()) -> None:
        """See View."""

    def stage(self, text: str) -> None:
        """See View."""

    def clock(self, elapsed: float) -> None:
        """See View."""

    def command(self, setting: str, servers: int) -> None:
        """See View."""

    def change(self, setting: str, change: Change) -> None:
        """See View."""

    def traffic(self, traffic: Traffic) -> None:
        """See View."""

    def addresses(self, update: AddressList) -> None:
        """See View."""

    def end(self) -> None:
        """See View."""
