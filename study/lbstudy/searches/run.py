"""Where a run can be looked up, from its provenance; None where it was not sent there."""

from datetime import datetime

from lbstudy.result.model import Provenance
from lbstudy.searches.jaeger import Jaeger
from lbstudy.searches.prometheus import Prometheus


def jaeger_of(provenance: Provenance) -> Jaeger | None:
    """Jaeger with this run's traces."""
    if provenance.jaeger_url is None:
        return None
    return Jaeger(provenance.jaeger_url, provenance.run_id, _zero(provenance), provenance.duration)


def prometheus_of(provenance: Provenance) -> Prometheus | None:
    """Prometheus with this run's metrics."""
    if provenance.prometheus_url is None:
        return None
    return Prometheus(provenance.prometheus_url, provenance.run_id, _zero(provenance), provenance.duration)


def _zero(provenance: Provenance) -> float:
    return datetime.fromisoformat(provenance.started).timestamp()
