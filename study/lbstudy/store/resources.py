"""The resources of telemetry, each stored once."""

import threading
from collections.abc import Mapping
from typing import Any

from lbstudy.observation import attributes
from lbstudy.store.jsontext import dumps
from lbstudy.store.rows import ResourceRow


class Resources:
    """Remembers resources, and numbers them from 1. Thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._known: dict[str, ResourceRow] = {}

    def row(self, values: Mapping[str, Any]) -> tuple[ResourceRow, bool]:
        """Return the row of a resource with these attributes, and whether it is new."""
        text = dumps(values)
        with self._lock:
            row = self._known.get(text)
            if row is not None:
                return row, False
            row = self._known[text] = ResourceRow(
                len(self._known) + 1,
                str(values.get(attributes.SERVICE_NAME, "")),
                _text(values.get(attributes.POD_NAME)),
                _text(values.get(attributes.SETTING)),
                _text(values.get(attributes.RUN_ID)),
                text,
            )
            return row, True


def _text(value: object) -> str | None:
    return None if value is None else str(value)
