"""Environment variables that ``opentelemetry-instrument`` sets before it starts a program.

It loads this module through the entry point ``opentelemetry_environment_variables``, before gRPC and the
program are imported. Only then can gRPC be made to keep the traces of removed subchannels: gRPC reads the
variable when it is imported, and the OTLP exporter imports gRPC before any instrumentor runs. A value that
the user has set stays.
"""

import os

from grpc_lb_instrumentor import names

OTEL_PYTHON_GRPC_LB_DISABLED = names.ENV_DISABLED
OTEL_PYTHON_GRPC_LB_RESOLVER_DISABLED = names.ENV_RESOLVER_DISABLED
OTEL_PYTHON_GRPC_LB_SUBCHANNEL_DISABLED = names.ENV_SUBCHANNEL_DISABLED
OTEL_PYTHON_GRPC_LB_CAPTURE_REQUEST_METADATA = names.ENV_CAPTURE_METADATA

os.environ.setdefault(names.ENV_CHANNELZ_ORPHANS, names.CHANNELZ_ORPHANS)
