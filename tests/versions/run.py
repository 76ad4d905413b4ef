"""Run ``program.py`` under opentelemetry-instrument in this environment; it must not complain."""

import os
import subprocess
import sys
from pathlib import Path

NOISE = ("pkg_resources is deprecated",)  # upstream's, of the lowest versions


def main() -> None:
    """Run it with upstream's instrumentation and without."""
    agent = Path(sys.executable).with_name("opentelemetry-instrument")
    env = {name: value for name, value in os.environ.items() if not name.startswith(("OTEL_", "PYTHON"))}
    env |= {f"OTEL_{signal}_EXPORTER": "none" for signal in ("TRACES", "LOGS")}
    env |= {"OTEL_METRICS_EXPORTER": "console", "POD_NAME": "pod-0", "GRPC_VERBOSITY": "none"}
    for without in ("", "grpc_client,grpc_server,grpc_aio_client,grpc_aio_server"):
        done = subprocess.run(
            [str(agent), sys.executable, "program.py"],
            env=env | {"OTEL_PYTHON_DISABLED_INSTRUMENTATIONS": without},
            capture_output=True,
            text=True,
            check=False,
        )
        said = [
            line for line in done.stderr.splitlines() if line and not any(noise in line for noise in NOISE)
        ]
        if done.returncode or said:
            sys.exit("\n".join(said) or f"{done.returncode}: {done.stdout}")
        missing = [
            name
            for name in ("rpc.client.call.duration", "rpc.server.call.duration")
            if name not in done.stdout
        ]
        if missing:
            sys.exit(f"not among the metrics: {missing}")


if __name__ == "__main__":
    main()
