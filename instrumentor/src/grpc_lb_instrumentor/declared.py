"""Reads this instrumentor's entry in a declarative configuration: ``grpc_lb`` in ``OTEL_CONFIG_FILE``.

The SDK passes an entry's options to ``instrument``. But it skips an entry with ``enabled: false``, and then
``opentelemetry-instrument`` enables every installed instrumentor without options. So this instrumentor also
reads its own entry, with the SDK's reader.
"""

import logging
import os
from collections.abc import Mapping
from typing import Any, Final

ENTRY: Final = "grpc_lb"

_logger = logging.getLogger(__name__)


def in_use(environ: Mapping[str, str] = os.environ) -> bool:
    """Return whether OpenTelemetry is configured by a file."""
    return bool(environ.get("OTEL_CONFIG_FILE"))


def read(environ: Mapping[str, str] = os.environ) -> Mapping[str, Any]:
    """Return the options of the entry ``grpc_lb``; empty if there is no file or no such entry."""
    if not in_use(environ):
        return {}
    try:
        # Not a dependency of this package: the SDK requires it when a configuration file is used.
        from opentelemetry.configuration import load_config_file  # noqa: PLC0415

        instrumentation = load_config_file(environ["OTEL_CONFIG_FILE"]).instrumentation_development
        return _with_conventions((instrumentation and instrumentation.python) or {}, instrumentation)
    except Exception:  # the SDK has already reported what is wrong with the file
        _logger.debug("the entry %s of OTEL_CONFIG_FILE could not be read", ENTRY, exc_info=True)
        return {}


def _with_conventions(entries: Mapping[str, Any], instrumentation: Any) -> Mapping[str, Any]:  # noqa: ANN401  # untyped
    options = dict(entries.get(ENTRY) or {})
    general = instrumentation and instrumentation.general
    if general is not None and general.stability_opt_in_list is not None:
        options["stability_opt_in_list"] = general.stability_opt_in_list
    return options
