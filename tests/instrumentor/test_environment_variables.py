"""What opentelemetry-instrument hands to a program before it starts."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from grpc_lb_instrumentor import names

PRINT = f"import os; print(os.environ.get('{names.ENV_CHANNELZ_ORPHANS}'))"


@pytest.mark.parametrize(
    ("given", "found"), [({}, names.CHANNELZ_ORPHANS), ({names.ENV_CHANNELZ_ORPHANS: "7"}, "7")]
)
def test_channelz_keeps_what_is_gone_unless_told_otherwise(given: dict[str, str], found: str) -> None:
    # Nothing is exported: what is asked for is the environment that the program is started with.
    env = {key: value for key, value in os.environ.items() if key != names.ENV_CHANNELZ_ORPHANS}
    env |= {f"OTEL_{signal}_EXPORTER": "none" for signal in ("TRACES", "METRICS", "LOGS")} | given
    command = Path(sys.executable).with_name("opentelemetry-instrument")
    run = subprocess.run(
        [str(command), sys.executable, "-c", PRINT], env=env, check=True, capture_output=True, text=True
    )
    assert run.stdout.strip() == found
