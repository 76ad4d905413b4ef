"""Prometheus' HTTP API: the samples of series as they were stored."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from lbstudy.backends.errors import BackendError
from lbstudy.backends.http import base_url, get

_WINDOW: Final = 900.0  # s of samples in one answer


@dataclass(frozen=True, slots=True)
class Series:
    """A part of a series."""

    labels: Mapping[str, str]  # with __name__
    samples: Sequence[tuple[int, float]]  # (ns since the Unix epoch, to the millisecond; value)


class Prometheus:
    """A Prometheus.

    Every method raises BackendError when it cannot be asked.

    Args:
        url: "http://127.0.0.1:9090", with its path if it has one.
    """

    def __init__(self, url: str) -> None:
        self.url = base_url(url, "Prometheus")

    def samples(self, selector: str, start: float, end: float) -> Iterator[Series]:
        """All samples of the selected series; a series comes in parts when the time is long.

        Args:
            selector: such as ``up{job="x"}``.
            start: s since the Unix epoch, excluded.
            end: s since the Unix epoch, included.
        """
        while start < end:
            until = min(start + _WINDOW, end)
            # A range vector at an instant gives the stored samples; /query_range would give others.
            width = max(1, round((until - start) * 1000))
            for found in self.query(f"{selector}[{width}ms]", until):
                yield Series(found["metric"], [_sample(*pair) for pair in found["values"]])
            start = until

    def query(self, expression: str, at: float) -> list[dict[str, Any]]:
        """The result of an instant query, as the API gives it."""
        body = get(self.url, "/api/v1/query", {"query": expression, "time": f"{at:.3f}"})
        try:
            return list(json.loads(body)["data"]["result"])
        except (ValueError, KeyError, TypeError) as error:
            raise BackendError(f"{self.url}: is no Prometheus") from error


def _sample(at: float, value: str) -> tuple[int, float]:
    return round(at * 1000) * 1_000_000, float(value)
