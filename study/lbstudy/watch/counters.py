"""Turns samples of counters into requests: how many, between which two instants. No I/O."""

from collections import Counter, OrderedDict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Final

from lbstudy.watch.evidence import EvidenceSource, Requests
from lbstudy.watch.series import Labels, NamedPod, caller, is_counted

SERIES: Final = 50_000
"""Series that are remembered; the one that increased longest ago is dropped first."""

Sampled = tuple[Labels, list[tuple[float, float]]]
"""A series' labels, and its samples: (s since the Unix epoch, value)."""
_Key = tuple[str, str | None, str | None, float, float]


@dataclass(slots=True)
class Counters:
    """The counters of servers, or of clients.

    Args:
        source: the source of the requests.
        pod: returns the pod that a series is about; None: no watched pod.
        since: s since the Unix epoch. A series that begins later began with 0; what an earlier one had
            counted by then does not matter here.
    """

    source: EvidenceSource
    pod: Callable[[Labels], NamedPod | None]
    since: float
    labels: Counter[str] = field(default_factory=Counter)  # labels that named a pod, in the last answer
    unmatched: int = 0  # series of the last answer that name no pod
    _last: OrderedDict[frozenset[tuple[str, str]], tuple[float, float]] = field(default_factory=OrderedDict)
    _asked: float = 0.0  # every series that existed until then has been seen

    def complete_until(self, at: float) -> None:
        """Note that every series that existed until then has been seen: a later one began with 0."""
        self._asked = max(self._asked, at)

    def take(self, answer: Iterable[Sampled]) -> Iterator[Requests]:
        """Yield the increases since the last answer, added up for each pod."""
        grown: dict[_Key, int] = {}
        self.labels.clear()
        self.unmatched = 0
        newest = self._asked
        for labels, samples in answer:
            if not samples or not is_counted(labels):
                continue
            newest = max(newest, samples[-1][0])
            named = self.pod(labels)
            if named is None:
                self.unmatched += 1
                continue
            self.labels[named.label] += 1
            who = caller(labels) if self.source is EvidenceSource.CLIENT_METRICS else (None, None)
            for after, at, count in self._growth(labels, samples):
                key = (named.pod, *who, after, at)
                grown[key] = grown.get(key, 0) + count
        self._asked = newest
        # In order of time: a request is only known from the sample that reports it.
        for (pod, workload, client, after, at), count in sorted(grown.items(), key=lambda item: item[0][4]):
            yield Requests(self.source, pod, after, at, count, workload, client)

    def _growth(
        self, labels: Labels, samples: list[tuple[float, float]]
    ) -> Iterator[tuple[float, float, int]]:
        key = frozenset(labels.items())
        last = self._last.pop(key, None)
        for at, value in samples:
            if last is None:
                # The series is older than the watch: the time of what it had counted is unknown.
                began = max(self._asked, self.since)
                is_new = at > began and self._asked > 0
                yield (began, at, round(value)) if is_new else (at, at, 0)
            elif at > last[0]:
                count = value - last[1] if value >= last[1] else value  # it restarted at 0 with its process
                yield last[0], at, round(count)
            else:
                continue
            last = (at, value)
        if last is not None:
            self._last[key] = last
        if len(self._last) > SERIES:
            self._last.popitem(last=False)
