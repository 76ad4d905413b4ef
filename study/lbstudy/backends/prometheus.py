"""Prometheus' HTTP API: the samples of series as they were stored."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from lbstudy.backends.http import BackendError, base_url, get

_WINDOW: Final = 900.0  # s of samples in one answer


@dataclass(frozen=True, slots=True)
class Series:
    """A part of a series."""

    labels: Mapping[str, str]  # with __name__
    samples: Sequence[tuple[int, float]]  # (ns since the Unix epoch, to the millisecond; value)


class Prometheus:
    """A Prometheus.

    Every method raises BackendError if it does not answer.

    Args:
        url: "http://127.0.0.1:9090", with its path if it has one.
    """

    def __init__(self, url: str) -> None:
        self.url = base_url(url, "Prometheus")

    def samples(self, selector: str, start: float, end: float) -> Iterator[Series]:
        """Yield all samples of the selected series; for a long time, a series comes in parts.

        Args:
            selector: such as ``up{job="x"}``.
            start: s since the Unix epoch, excluded.
            end: s since the Unix epoch, included.
        """
        while start < end:
            until = min(start + _WINDOW, end)
            # A range vector at an instant returns the stored samples; /query_range would interpolate.
            width = max(1, round((until - start) * 1000))
            for answer in self.query(f"{selector}[{width}ms]", until):
                yield Series(answer["metric"], [_sample(*pair) for pair in answer["values"]])
            start = until

    def query(self, expression: str, at: float) -> list[dict[str, Any]]:
        """Return the result of an instant query, as the API gives it."""
        body = get(self.url, "/api/v1/query", {"query": expression, "time": f"{at:.3f}"})
        try:
            return list(json.loads(body)["data"]["result"])
        except (ValueError, KeyError, TypeError) as error:
            raise BackendError(f"{self.url}: is not a Prometheus server") from error


def _sample(at: float, value: str) -> tuple[int, float]:
    return round(at * 1000) * 1_000_000, float(value)
