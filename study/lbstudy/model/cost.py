"""What a setting costs while nothing changes, in the units of ``measures.price``: the meaning of "cheap"."""

from dataclasses import dataclass
from functools import lru_cache

from lbstudy.config.setting import Setting
from lbstudy.model.parameters import Parameters
from lbstudy.model.predict import price

QUERIES: int = 2
"""DNS queries of a resolution: A and AAAA (with a search list, as many for each of its entries)."""
_DRAWS = 5


@dataclass(frozen=True, slots=True)
class Cost:
    """The cost for one client and minute."""

    connections: float  # new connections
    queries: float  # A and AAAA

    @property
    def total(self) -> float:
        """The sum of connections and DNS queries: a setting with a lower sum is cheaper."""
        return self.connections + self.queries


def cost(setting: Setting, p: Parameters, servers: int, *, seed: int = 0) -> Cost:
    """Return what each client does again and again while nothing changes; with push, no DNS queries.

    A control plane, which push needs, is an additional service to run; its cost is not included.
    """
    if setting.discovery == "xds":
        return Cost(_connections(p, servers), 0.0)
    idle = _price(p, servers, seed)
    return Cost(idle.connections, idle.lookups * QUERIES)


def _connections(p: Parameters, servers: int) -> float:
    return servers * 60 / p.max_age if p.ages else 0.0


_price = lru_cache(maxsize=1024)(lambda p, servers, seed: price(p, servers, draws=_DRAWS, seed=seed))
