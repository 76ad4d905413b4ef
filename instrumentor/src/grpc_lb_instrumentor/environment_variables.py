"""What ``opentelemetry-instrument`` reads before it starts a program: the variables that become its options.

It loads this module through the entry point ``opentelemetry_environment_variables`` while neither gRPC nor
the program is there yet. That is the one moment at which gRPC can still be told to keep the traces of
subchannels that are gone: gRPC reads the variable when it is imported, and the OTLP exporter imports it
before any instrumentor runs. A value that the user has set stays.
"""

import os

from grpc_lb_instrumentor import names

OTEL_PYTHON_GRPC_LB_DISABLED = names.ENV_DISABLED
OTEL_PYTHON_GRPC_LB_RESOLVER_DISABLED = names.ENV_RESOLVER_DISABLED
OTEL_PYTHON_GRPC_LB_SUBCHANNEL_DISABLED = names.ENV_SUBCHANNEL_DISABLED
OTEL_PYTHON_GRPC_LB_CAPTURE_REQUEST_METADATA = names.ENV_CAPTURE_METADATA

os.environ.setdefault(names.ENV_CHANNELZ_ORPHANS, names.CHANNELZ_ORPHANS)
