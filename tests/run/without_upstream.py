"""``lbstudy``, with opentelemetry-instrumentation-grpc switched off in all pods."""

import sys

from lbstudy.run import environment

_ENTRY_POINTS = "grpc_client,grpc_server,grpc_aio_client,grpc_aio_server"

made = environment.pod_environment


def pod_environment(**described: str) -> dict[str, str]:
    return {**made(**described), "OTEL_PYTHON_DISABLED_INSTRUMENTATIONS": _ENTRY_POINTS}


environment.pod_environment = pod_environment

from lbstudy.cli.main import main  # noqa: E402  # it imports what is replaced above

sys.exit(main())
