"""How clients are to balance, retry and eject: what a control plane tells them besides the endpoints."""

import json
import math
from dataclasses import dataclass, field, fields
from enum import StrEnum
from typing import Any, Self


class PolicyError(ValueError):
    """The text is no policy; the message is one line."""


class Balancing(StrEnum):
    """Among the endpoints of a service."""

    ROUND_ROBIN = "round_robin"
    WEIGHTED_ROUND_ROBIN = "weighted_round_robin"  # by the servers' own ORCA load reports (gRFC A58)


@dataclass(frozen=True, slots=True)
class Weights:
    """Of weighted_round_robin (gRFC A58): when reports count. In seconds; the defaults are gRPC's."""

    blackout: float = 10.0  # a server's reports count only so long after its first one
    expiration: float = 180.0
    update: float = 1.0  # never below 0.1
    error_penalty: float = 1.0  # × errors per query, added to the utilisation


@dataclass(frozen=True, slots=True)
class Retry:
    """RPCs that failed before an answer began are sent again (gRFC A44)."""

    on: tuple[str, ...] = ("unavailable",)
    attempts: int = 3  # in all, from 2 to 5
    backoff: float = 0.025  # s, the first pause; doubled each time
    backoff_longest: float = 0.25  # s


@dataclass(frozen=True, slots=True)
class FailurePercentage:
    """Ejects an endpoint of whose RPCs, in one interval, at least ``threshold`` % failed."""

    threshold: int = 85
    enforcing: int = 100  # %, the chance that it is done
    minimum_hosts: int = 5
    request_volume: int = 50  # RPCs in the interval, below which an endpoint is let be


@dataclass(frozen=True, slots=True)
class SuccessRate:
    """Ejects an endpoint whose success rate is below the mean by so many standard deviations."""

    stdev_factor: int = 1900  # thousandths
    enforcing: int = 100
    minimum_hosts: int = 5
    request_volume: int = 100


@dataclass(frozen=True, slots=True)
class OutlierDetection:
    """Ejection of endpoints that fail (gRFC A50); gRPC ignores Envoy's consecutive_5xx."""

    interval: float = 10.0  # s
    base_ejection_time: float = 30.0  # s, × how often in a row
    max_ejection_time: float = 300.0  # s
    max_ejection_percent: int = 10
    failure_percentage: FailurePercentage | None = None
    success_rate: SuccessRate | None = None


@dataclass(frozen=True, slots=True)
class Policy:
    """Of every service that a control plane serves."""

    balancing: Balancing = Balancing.ROUND_ROBIN
    weights: Weights = field(default_factory=Weights)
    retry: Retry | None = None
    outlier_detection: OutlierDetection | None = None

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read a policy in JSON, an object with these fields; raises PolicyError."""
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
"""The codes on which gRPC's xDS client retries (gRFC A44)."""


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
    known = [one.name for one in fields(kind)]
    if not isinstance(value, dict):
        raise PolicyError(f"{where}: expected an object, found {value!r:.80}")
    for key in value:
        if key not in known:
            raise PolicyError(f"{where}: expected one of {', '.join(known)}, found {key!r:.80}")
    return dict(value)


def _numbers(kind: type[Any], given: dict[str, Any], where: str) -> dict[str, Any]:
    """Check each number against its field: whole where the default is, in bounds that the name tells."""
    whole = {one.name for one in fields(kind) if isinstance(one.default, int)}
    for key, value in given.items():
        is_number = isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)
        highest = 100 if key in {"enforcing", "threshold", "max_ejection_percent"} else 1e6
        if not is_number or not 0 <= value <= highest or (key in whole and not isinstance(value, int)):
            sort = "a whole number" if key in whole else "a number"
            raise PolicyError(f"{where}.{key}: expected {sort} from 0 to {highest:g}, found {value!r:.80}")
    return given
