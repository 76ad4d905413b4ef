"""Records into the points of a histogram directly, once the SDK has made them.

``Histogram.record`` cleans, copies, sorts and hashes all attributes each time, which would be most of what
this package costs an RPC. Here the SDK does so for the first record of an attribute set; later records go
straight to the aggregations that it made for the set. These are not public API: if anything is not as
expected, all records use the public method.
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
"""Nanoseconds after an exemplar before another one is offered for the same bucket. The SDK keeps the last of
a bucket and collection. This keeps nearly the last; for a slow RPC, alone in its bucket, exactly it.
"""

Attributes = Mapping[str, AttributeValue]


class Point:
    """What a histogram holds for one attribute set."""

    __slots__ = ("_aggregate", "_attributes", "_consumer", "_histogram", "_offered", "_storages")

    def __init__(self, histogram: Histogram, attributes: Attributes) -> None:
        """Make a point. The values of ``attributes`` are valid and never change."""
        self._histogram: Any = histogram
        self._attributes = attributes
        # None if the histogram is not the SDK's, such as the API's before there is a provider.
        self._consumer: Any = getattr(histogram, "_measurement_consumer", None)
        self._storages: Any = None  # the readers' storages that ``_aggregate`` is from
        self._aggregate: tuple[Callable[[Any, bool], None], ...] = ()  # one for each reader and view; or none
        # when an exemplar was last offered to each bucket
        self._offered = [0] * (len(names.DURATION_BUCKETS) + 1)

    def record(self, value: float, context: Context | None) -> None:
        """Record ``value``, finite and not negative; ``context`` has its span (None: the current one)."""
        consumer = self._consumer
        if consumer is None:
            self._histogram.record(value, self._attributes, context)
            return
        try:
            # The SDK replaces this mapping, and never changes it, when readers come and go.
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
        "the OpenTelemetry SDK is not as expected, so recording durations costs more: %s: %s", error, message
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
    """Return the SDK's aggregations of these attributes; empty unless all of them can be kept."""
    try:
        from opentelemetry.sdk.metrics._internal._view_instrument_match import (  # noqa: PLC0415  # see below
            _hash_attributes,
        )
    except ImportError:  # an SDK before 1.45, which stores its aggregations differently
        return ()

    key = _hash_attributes(attributes)
    aggregations = []
    for storage in storages.values():
        for match in storage._instrument_view_instrument_matches[histogram]:
            aggregation = match._attributes_aggregation.get(key)  # None: beyond the limit of attribute sets
            # Delta aggregations are made anew after each collection, and a view may keep only some
            # attributes.
            if aggregation is None or match._reset_on_collect or match._view._attribute_keys is not None:
                return ()
            aggregations.append(aggregation.aggregate)
    return tuple(aggregations)
