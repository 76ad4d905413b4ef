"""The one warning about initial metadata that come too late to be sent as such."""

import logging

_logger = logging.getLogger(__name__)


class LateWarning:
    """Warns once a process."""

    _given = False

    @classmethod
    def give(cls) -> None:
        """Warn, the first time."""
        if not cls._given:
            cls._given = True
            _logger.warning(
                "an application sends initial metadata after the pod's name was sent ahead of its answer: "
                "they are delivered with the trailing metadata"
            )
