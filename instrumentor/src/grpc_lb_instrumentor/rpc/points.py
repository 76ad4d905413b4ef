"""Recording into the points of a histogram directly, once the SDK has made them.

``Histogram.record`` cleans, copies, sorts and hashes all attributes each time, which would be the largest
part of what this package costs an RPC. Here the SDK does so for the first record of an attribute set; the
following ones go straight to the aggregations that it made for that set. Those are no public API: where
anything is not as it is known to be, all records take the public way.
"""

# ruff: noqa: SLF001  # see above

import logging
from bisect import bisect_left
from collections.abc import Callable, Mapping
from functools import cache
from time import time_ns
from typing import Any, Final

from opentelemetry.context import Context, get_current
from opentelemetry.metrics import Histogram
from opentelemetry.util.types import AttributeValue

from grpc_lb_instrumentor import names

_logger = logging.getLogger(__name__)

_EXEMPLARS_APART: Final = 100_000_000
"""Nanoseconds after an exemplar in which no other one is offered for the same bucket. The SDK keeps the last
one of a bucket and collection: this is nearly the last, and for a slow RPC, alone in its bucket, the same."""

Attributes = Mapping[str, AttributeValue]


class Point:
    """What a histogram holds of one attribute set."""

    __slots__ = ("_aggregate", "_attributes", "_consumer", "_histogram", "_offered", "_storages")

    def __init__(self, histogram: Histogram, attributes: Attributes) -> None:
        """Describe the point; the values of ``attributes`` are valid, and never change."""
        self._histogram: Any = histogram
        self._attributes = attributes
        # Not an SDK's histogram, such as the API's before there is a provider: None.
        self._consumer: Any = getattr(histogram, "_measurement_consumer", None)
        self._storages: Any = None  # the readers' storages that were looked into
        self._aggregate: tuple[Callable[[Any, bool], None], ...] = ()  # one a reader and view, or none at all
        self._offered = [0] * (len(names.DURATION_BUCKETS) + 1)  # when each bucket was offered an exemplar

    def record(self, value: float, context: Context | None) -> None:
        """Record ``value``, finite and not negative; ``context`` has its span, None: the current one."""
        consumer = self._consumer
        if consumer is None:
            self._histogram.record(value, self._attributes, context)
            return
        try:
            # The mapping is replaced, and never changed, when readers come and go.
            if self._aggregate and consumer._reader_storages is self._storages:
                if self._histogram._is_enabled():
                    self._record_directly(value, context)
                return
            storages = consumer._reader_storages
            self._histogram.record(value, self._attributes, context)
            if storages is not self._storages:
                self._storages = storages
                self._aggregate = _aggregations(storages, self._histogram, self._attributes)
        except Exception as error:
            self._consumer = None
            _warn_once(type(error).__name__, str(error))

    def _record_directly(self, value: float, context: Context | None) -> None:
        measurement = _Measurement(value, self._attributes, context)
        now = measurement.time_unix_nano
        bucket = bisect_left(names.DURATION_BUCKETS, value)
        sampled = False
        if now - self._offered[bucket] >= _EXEMPLARS_APART:
            measurement.context = context = get_current() if context is None else context
            sampled = self._consumer._sdk_config.exemplar_filter.should_sample(
                value, now, self._attributes, context
            )
            if sampled:
                self._offered[bucket] = now
        for aggregate in self._aggregate:
            aggregate(measurement, sampled)


@cache
def _warn_once(error: str, message: str) -> None:
    _logger.warning(
        "the OpenTelemetry SDK is not as expected, recording durations costs more: %s: %s", error, message
    )


class _Measurement:
    """What aggregations read of the SDK's class of this name, whose constructor cleans the attributes."""

    __slots__ = ("attributes", "context", "time_unix_nano", "value")

    def __init__(self, value: float, attributes: Attributes, context: Context | None) -> None:
        self.value = value
        self.attributes = attributes
        self.context = context
        self.time_unix_nano = time_ns()


def _aggregations(
    storages: Mapping[Any, Any], histogram: Histogram, attributes: Attributes
) -> tuple[Callable[[Any, bool], None], ...]:
    """Return what the SDK aggregates these attributes with; nothing unless all of it can be kept hold of."""
    from opentelemetry.sdk.metrics._internal._view_instrument_match import (  # noqa: PLC0415  # it may be missing
        _hash_attributes,
    )

    key = _hash_attributes(attributes)
    found = []
    for storage in storages.values():
        for match in storage._instrument_view_instrument_matches[histogram]:
            aggregation = match._attributes_aggregation.get(key)  # None: beyond the limit of attribute sets
            # Delta: made anew after each collection. Attribute keys: a view that keeps some of them only.
            if aggregation is None or match._reset_on_collect or match._view._attribute_keys is not None:
                return ()
            found.append(aggregation.aggregate)
    return tuple(found)
