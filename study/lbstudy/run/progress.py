"""Passes what happens in a run to the view that shows it."""

import json
from collections.abc import Mapping, Sequence

from grpc_lb_instrumentor import names

from lbstudy.live.view import AddressList, Traffic, View
from lbstudy.platform.interface import Change
from lbstudy.store.live import Arrivals
from lbstudy.store.rows import SpanRow


class ViewProgress:
    """Passes what has arrived to a view, always in the event loop's thread.

    Args:
        view: the view.
        settings: the name of a Deployment of servers → its setting.
    """

    def __init__(self, view: View, settings: Mapping[str, str]) -> None:
        self._view = view
        self._settings = settings

    def changed(self, change: Change) -> None:
        """Note a change that the platform saw."""
        setting = self._settings.get(change.deployment)
        if setting is not None:
            self._view.change(setting, change)

    def arrived(self, arrived: Sequence[Arrivals]) -> None:
        """Note telemetry that was stored."""
        for part in arrived:
            self._view.traffic(Traffic(part.setting, dict(part.answered), part.failed))
            for span in part.updates:
                self._view.addresses(_address_list(part.setting, span))


def _address_list(setting: str, span: SpanRow) -> AddressList:
    attributes = json.loads(span.attributes)
    return AddressList(
        setting=setting,
        client=f"client-{span.channel_id}",
        outcome=attributes.get(names.RESOLVER_OUTCOME, ""),
        addresses=tuple(attributes.get(names.RESOLVER_ADDRESSES, ())),
        added=tuple(attributes.get(names.RESOLVER_ADDED, ())),
        removed=tuple(attributes.get(names.RESOLVER_REMOVED, ())),
    )
