"""A view for runs that nobody watches."""

from lbstudy.live.view import AddressList, Traffic
from lbstudy.platform.interface import Change


class Silent:
    """Shows nothing."""

    def begin(self, title: str, settings: list[str], duration: float) -> None:
        """Show nothing."""

    def stage(self, text: str) -> None:
        """Show nothing."""

    def clock(self, elapsed: float) -> None:
        """Show nothing."""

    def command(self, setting: str, servers: int) -> None:
        """Show nothing."""

    def change(self, setting: str, change: Change) -> None:
        """Show nothing."""

    def traffic(self, traffic: Traffic) -> None:
        """Show nothing."""

    def addresses(self, update: AddressList) -> None:
        """Show nothing."""

    def end(self) -> None:
        """Show nothing."""
