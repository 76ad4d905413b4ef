"""How clients of a run find names: what DNS has of a server, and the search list of their resolver. Pure.

gRPC's resolver in C++, and so in Python, is c-ares. It reads the search list and ``ndots`` from
/etc/resolv.conf, also where the channel's target names a DNS server. Two variables come before that file,
and need no root; but of the names in LOCALDOMAIN c-ares takes the first one only. So a search list of one
name goes by the variables, and a longer one by a resolv.conf of the client's own, whose mounting needs root.
"""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Naming:
    """What of DNS is not the same for every run."""

    families: str = "ipv4"  # as ``config.scenario.Families``
    search: tuple[str, ...] = ()
    ndots: int = 1

    @property
    def needs_file(self) -> bool:
        """Whether a client of c-ares gets the search list by a file only."""
        return len(self.search) > 1

    @property
    def environment(self) -> Mapping[str, str]:
        """The variables by which c-ares gets a search list of one name."""
        if len(self.search) != 1:
            return {}
        return {"LOCALDOMAIN": self.search[0], "RES_OPTIONS": f"ndots:{self.ndots}"}

    def resolv_conf(self, nameserver: str) -> str:
        """The text of a resolv.conf."""
        lines = [f"nameserver {nameserver}"]
        if self.search:
            lines += [f"search {' '.join(self.search)}", f"options ndots:{self.ndots}"]
        return "\n".join(lines) + "\n"
