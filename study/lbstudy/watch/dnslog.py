"""What CoreDNS' plugin ``log`` writes of queries, in its common format. Pure.

A line, with the time that the kubelet puts before it: the asker, the query's number, its type, class, name,
protocol, size, DO bit and buffer, then the answer's code, flags, size, and how long it took.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from lbstudy.watch.identity import address

_LINE: Final = re.compile(
    r"(?P<at>\S+) (?:\[INFO\] )?(?P<asker>\S+) - \d+ "
    r'"(?P<type>[A-Z0-9]+) IN (?P<name>\S+) \S+ \d+ \S+ \d+" (?P<rcode>[A-Z0-9]+) .*? (?P<took>[\d.]+)s$'
)
_LONGEST: Final = 2_000  # characters: a longer line is no query's
_FRACTION: Final = re.compile(r"\.(\d{1,6})\d*")


@dataclass(frozen=True, slots=True)
class Query:
    """A query that was answered.

    Attributes:
        at: when it was written, s since the Unix epoch: once it was answered.
        asker: an IP: a pod's, or that of a cache between.
        name: that was asked for, without the last dot.
    """

    at: float
    asker: str
    name: str
    qtype: str
    rcode: str


def read(line: str, names: Iterable[str]) -> Query | None:
    """The query that a line tells of; None: it is none, or about none of these names.

    Args:
        line: as the API gives it with ``timestamps``.
        names: what a name must contain, ".shop." and the like: most lines of a busy log are about others.
    """
    if len(line) > _LONGEST or not any(name in line for name in names):
        return None
    match = _LINE.match(line)
    if match is None:
        return None
    asker = address(match["asker"])
    try:
        # Of nanoseconds, Python reads microseconds.
        at = datetime.fromisoformat(_FRACTION.sub(r".\1", match["at"])).timestamp()
    except ValueError:
        return None
    if asker is None:
        return None
    return Query(at, asker, match["name"].rstrip("."), match["type"], match["rcode"])
