"""What has just arrived, as a few numbers for a live view."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

from grpc_lb_instrumentor.names import SPAN_RESOLVER_UPDATE

from lbstudy.store.rows import SpanRow


@dataclass(slots=True)
class Arrivals:
    """The client RPC spans and resolver updates of one setting in one export."""

    setting: str
    answered: Counter[str] = field(default_factory=Counter)  # server pod → RPCs that ended OK
    failed: int = 0  # RPCs that ended with another code
    updates: list[SpanRow] = field(default_factory=list)  # resolver updates


def arrivals(spans: Iterable[SpanRow]) -> list[Arrivals]:
    """Return what these spans contain, one record a setting."""
    by_setting: dict[str, Arrivals] = {}
    for span in spans:
        if span.setting is None:
            continue
        is_rpc = span.kind == "client" and span.rpc_method is not None
        if not is_rpc and span.name != SPAN_RESOLVER_UPDATE:
            continue
        record = by_setting.setdefault(span.setting, Arrivals(span.setting))
        if not is_rpc:
            record.updates.append(span)
        elif span.grpc_code == 0:
            record.answered[span.server_pod or ""] += 1
        else:
            record.failed += 1
    return list(by_setting.values())
