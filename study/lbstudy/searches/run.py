"""Where a run can be looked up, from its provenance; None if it was not sent there."""

from datetime import datetime

from lbstudy.observation import attributes
from lbstudy.result.model import Provenance
from lbstudy.searches.jaeger import JaegerSearches
from lbstudy.searches.prometheus import PrometheusQueries


def jaeger_of(provenance: Provenance) -> JaegerSearches | None:
    """Return the Jaeger with this run's traces."""
    if provenance.jaeger_url is None:
        return None
    return JaegerSearches(
        provenance.jaeger_url,
        provenance.run_id,
        _zero(provenance),
        provenance.duration,
        lambda setting: attributes.service_name(provenance.subject(setting), "client"),
    )


def prometheus_of(provenance: Provenance) -> PrometheusQueries | None:
    """Return the Prometheus with this run's metrics."""
    if provenance.prometheus_url is None:
        return None
    return PrometheusQueries(
        provenance.prometheus_url, provenance.run_id, _zero(provenance), provenance.duration
    )


def _zero(provenance: Provenance) -> float:
    return datetime.fromisoformat(provenance.started).timestamp()
