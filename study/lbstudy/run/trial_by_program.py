"""A trial before a run by the client's own program, which uses the gRPC of another language.

A subject's client may accept additional arguments (``check``), with which it only opens one channel with a
setting. It exits with status 2, and a line on standard error, if its gRPC refuses the service config. No
server answers it, and it sends no RPC.
"""

import os
import re
import subprocess
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Final

from lbstudy.config.repository import repository
from lbstudy.config.setting import Setting
from lbstudy.config.subject import Subject
from lbstudy.platform.interface import ClientSpec
from lbstudy.platform.local.environment import base_environment, proxy_environment
from lbstudy.platform.programs import PodPlace, client_values, command, environment
from lbstudy.run.specs import client_program
from lbstudy.run.trial import Trial

_WITHIN: Final = 60.0  # s; only a safeguard: a JVM takes some seconds of CPU to start
_TARGET: Final = "dns:///127.0.0.1:9"
"""An address, so that nothing is resolved; it is the port of the discard protocol, where no server is
expected.
"""
_REFUSED: Final = 2
_BESIDE: Final = {"OTEL_SDK_DISABLED": "true"}  # a trial must not add telemetry to the run
_PROGRAM: Final = re.compile(r"^[\w.-]+: (?:error: )?")
_LONGEST: Final = 500


def try_program(settings: Sequence[Setting], subject: Subject) -> list[Trial]:
    """Start the subject's client with each setting, and return what it says, in their order.

    Takes as long as the program needs to start; two run at a time.
    """
    with ThreadPoolExecutor(2) as pool:
        return list(pool.map(lambda setting: _try(setting, subject), settings))


def _try(setting: Setting, subject: Subject) -> Trial:
    words, variables = _command(setting, subject)
    try:
        done = subprocess.run(
            words,
            env=variables,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=_WITHIN,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return Trial(setting.name, None, (f"the check of {subject.name} did not end within {_WITHIN:.0f} s",))
    except OSError as error:
        return Trial(
            setting.name, None, (f"the check of {subject.name} cannot be started: {error.strerror}",)
        )
    said = _last_line(done.stderr)
    if done.returncode == _REFUSED:
        return Trial(setting.name, said or "it does not say why")
    if done.returncode != 0:
        why = f"the check of {subject.name} ended with status {done.returncode}"
        return Trial(setting.name, None, (f"{why}: {said}" if said else why,))
    return Trial(setting.name, None)


def _command(setting: Setting, subject: Subject) -> tuple[list[str], dict[str, str]]:
    """Return the client's command with a setting and the arguments of the check, and its variables."""
    program = client_program(subject)
    spec = ClientSpec(
        name="check",
        server="check",
        clients=1,
        rate=1.0,
        timeout=1.0,
        start_at=0.0,
        duration=1.0,
        channel_args=setting.channel,
        service_config=setting.service_config_json,
        seed=0,
        texts={"run": "check", "setting": setting.name},
        program=program,
    )
    place = PodPlace(pod="check", python=sys.executable, otlp_endpoint="", repository=str(repository() or ""))
    values = client_values(spec, place, _TARGET, "127.0.0.1", 9, "")
    variables = base_environment(os.environ) | proxy_environment(os.environ) | _BESIDE
    words = [*command(program, values), *subject.client_program.check]
    return words, variables | environment(program, values)


def _last_line(text: str) -> str:
    """Return the last line that a program wrote, without the program's name."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return _PROGRAM.sub("", lines[-1])[:_LONGEST] if lines else ""
