"""How clients are to balance, retry and eject: what a control plane sends besides the endpoints."""

import json
import math
from dataclasses import dataclass, field, fields
from enum import StrEnum
from typing import Any, Self


class PolicyError(ValueError):
    """The text is not a policy. The message is one line."""


class Balancing(StrEnum):
    """How RPCs are spread among the endpoints of a service."""

    ROUND_ROBIN = "round_robin"
    WEIGHTED_ROUND_ROBIN = "weighted_round_robin"  # by the ORCA load reports of the servers (gRFC A58)


@dataclass(frozen=True, slots=True)
class Weights:
    """When load reports count, for weighted_round_robin (gRFC A58). In seconds; the defaults are gRPC's."""

    blackout: float = 10.0  # from a server's first report until its reports count
    expiration: float = 180.0
    update: float = 1.0  # at least 0.1
    error_penalty: float = 1.0  # × errors per query, added to the utilisation


@dataclass(frozen=True, slots=True)
class Retry:
    """Sends RPCs again that failed before an answer began (gRFC A44)."""

    on: tuple[str, ...] = ("unavailable",)
    attempts: int = 3  # including the first, from 2 to 5
    backoff: float = 0.025  # s, the first pause; it doubles each time
    backoff_longest: float = 0.25  # s


@dataclass(frozen=True, slots=True)
class FailurePercentage:
    """Ejects an endpoint if at least ``threshold`` % of its RPCs in an interval failed."""

    threshold: int = 85
    enforcing: int = 100  # %, the probability that it is ejected
    minimum_hosts: int = 5
    request_volume: int = 50  # RPCs in the interval; an endpoint with fewer is not ejected


@dataclass(frozen=True, slots=True)
class SuccessRate:
    """Ejects an endpoint whose success rate is so many standard deviations below the mean."""

    stdev_factor: int = 1900  # thousandths of a standard deviation
    enforcing: int = 100
    minimum_hosts: int = 5
    request_volume: int = 100


@dataclass(frozen=True, slots=True)
class OutlierDetection:
    """Ejects endpoints that fail (gRFC A50). gRPC ignores Envoy's consecutive_5xx."""

    interval: float = 10.0  # s
    base_ejection_time: float = 30.0  # s, × the number of ejections in a row
    max_ejection_time: float = 300.0  # s
    max_ejection_percent: int = 10
    failure_percentage: FailurePercentage | None = None
    success_rate: SuccessRate | None = None


@dataclass(frozen=True, slots=True)
class Policy:
    """The policy of every service that a control plane serves."""

    balancing: Balancing = Balancing.ROUND_ROBIN
    weights: Weights = field(default_factory=Weights)
    retry: Retry | None = None
    outlier_detection: OutlierDetection | None = None

    @classmethod
    def parse(cls, text: str) -> Self:
        """Parse a policy from JSON, an object with these fields; raises PolicyError."""
        try:
            value = json.loads(text)
        except ValueError as error:
            raise PolicyError(f"not JSON: {error}") from None
        top = _table(cls, value, "policy")
        try:
            balancing = Balancing(top.get("balancing", Balancing.ROUND_ROBIN))
        except ValueError:
            known = " or ".join(Balancing)
            raise PolicyError(f"balancing: expected {known}, found {top['balancing']!r}") from None
        return cls(
            balancing=balancing,
            weights=_weights(top.get("weights", {})),
            retry=_retry(top["retry"]) if top.get("retry") is not None else None,
            outlier_detection=(
                _outlier_detection(top["outlier_detection"])
                if top.get("outlier_detection") is not None
                else None
            ),
        )


def _weights(value: object) -> Weights:
    return Weights(**_numbers(Weights, _table(Weights, value, "weights"), "weights"))


RETRIABLE = ("cancelled", "deadline-exceeded", "internal", "resource-exhausted", "unavailable")
"""The codes that gRPC's xDS client can retry (gRFC A44)."""


def _retry(value: object) -> Retry:
    given = _table(Retry, value, "retry")
    on = given.pop("on", list(Retry().on))
    if not isinstance(on, list) or not on or not all(code in RETRIABLE for code in on):
        raise PolicyError(f"retry.on: expected a list of some of {', '.join(RETRIABLE)}, found {on!r}")
    retry = Retry(tuple(on), **_numbers(Retry, given, "retry"))
    if not 2 <= retry.attempts <= 5:
        raise PolicyError(f"retry.attempts: expected 2 to 5, found {retry.attempts}")
    if not 0.001 <= retry.backoff <= retry.backoff_longest:
        raise PolicyError("retry.backoff: expected at least 0.001 s and at most backoff_longest")
    return retry


def _outlier_detection(value: object) -> OutlierDetection:
    given = _table(OutlierDetection, value, "outlier_detection")
    percentage, rate = given.pop("failure_percentage", None), given.pop("success_rate", None)
    where = "outlier_detection"
    return OutlierDetection(
        **_numbers(OutlierDetection, given, where),
        failure_percentage=(
            None
            if percentage is None
            else FailurePercentage(
                **_numbers(FailurePercentage, _table(FailurePercentage, percentage, where), where)
            )
        ),
        success_rate=(
            None
            if rate is None
            else SuccessRate(**_numbers(SuccessRate, _table(SuccessRate, rate, where), where))
        ),
    )


def _table(kind: type[Any], value: object, where: str) -> dict[str, Any]:
    known = [option.name for option in fields(kind)]
    if not isinstance(value, dict):
        raise PolicyError(f"{where}: expected an object, found {value!r:.80}")
    for key in value:
        if key not in known:
            raise PolicyError(f"{where}: expected one of {', '.join(known)}, found {key!r:.80}")
    return dict(value)


def _numbers(kind: type[Any], given: dict[str, Any], where: str) -> dict[str, Any]:
    """Check each number: integers for integer fields, within the bounds that follow from the field's name."""
    whole = {option.name for option in fields(kind) if isinstance(option.default, int)}
    for key, value in given.items():
        is_number = isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)
        highest = 100 if key in {"enforcing", "threshold", "max_ejection_percent"} else 1e6
        if not is_number or not 0 <= value <= highest or (key in whole and not isinstance(value, int)):
            sort = "a whole number" if key in whole else "a number"
            raise PolicyError(f"{where}.{key}: expected {sort} from 0 to {highest:g}, found {value!r:.80}")
    return given
