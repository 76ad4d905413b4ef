"""An entry of the ledger with counts by server, and the sum of several programs' counts."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

from lbstudy.result.model import Entry


def each(
    name: str,
    left: str,
    seen: Mapping[str, int],
    right: str,
    reported: Mapping[str, int],
    referee: str,
    note: str = "",
    late: Mapping[str, int] | None = None,
) -> Entry:
    """Return an entry that closes if the two counts agree for every server.

    ``late`` are, by server, RPCs that may be reported although they are not found.
    """
    servers = dict.fromkeys([*reported, *seen])
    surplus = {server: reported.get(server, 0) - seen.get(server, 0) for server in servers}
    allowed = late or {}
    different = [
        f"{server or 'no server'}: {seen.get(server, 0)} against {reported.get(server, 0)}"
        for server in servers
        if not 0 <= surplus[server] <= allowed.get(server, 0)
    ]
    explained = 0 if different else sum(surplus.values())
    if explained:
        note = "; ".join(filter(None, [note, f"{explained} answers were ready when the client had given up"]))
    return Entry(
        name=name,
        left=left,
        left_count=sum(seen.values()),
        right=right,
        right_count=sum(reported.values()),
        referee=referee,
        closes=not different,
        note="; ".join([*([note] if note else []), *different]),
    )


def in_all(counts: Iterable[Mapping[str, int]]) -> Counter[str]:
    """Return the sum of several programs' counts."""
    total: Counter[str] = Counter()
    for count in counts:
        total.update(count)
    return total


def without(servers: Sequence[str]) -> str:
    """Return a note on servers whose counts are missing; "" if there are none."""
    if not servers:
        return ""
    their = "its counts" if len(servers) == 1 else "their counts"
    ended = f"which ended before {'it' if len(servers) == 1 else 'they'} wrote {their}"
    return f"without {', '.join(servers)}, {ended}"


def noted_once(entries: Iterable[Entry]) -> list[Entry]:
    """Return the entries with the note ``without`` some servers only where it occurs first."""
    noted: set[str] = set()
    once = []
    for entry in entries:
        new = [part for part in entry.note.split("; ") if part not in noted]
        noted.update(part for part in new if part.startswith("without "))
        once.append(entry.model_copy(update={"note": "; ".join(new)}))
    return once
