"""What becomes of a fork of the node: a pod's process, set up as a fresh one would be."""

import gc
import importlib
import os
import runpy
import signal
import sys
from pathlib import Path

from lbstudy.platform.local.node.messages import Start, StartPod
from lbstudy.platform.local.parent import die_with_parent


def become(pod: StartPod, node: int) -> None:
    """Detach the fork from the node and give it the pod's files, folder and environment.

    Args:
        pod: what to become.
        node: the node's process id: the pod is killed when the node ends.
    """
    die_with_parent(signal.SIGKILL, node)
    os.setsid()  # whatever the pod starts is ended with it, by its process group
    for number in (signal.SIGCHLD, signal.SIGINT, signal.SIGTERM, signal.SIGPIPE):
        default = signal.default_int_handler if number == signal.SIGINT else signal.SIG_DFL
        signal.signal(number, signal.SIG_IGN if number == signal.SIGPIPE else default)
    _redirect(pod)
    os.chdir(pod.cwd)
    os.environ.clear()
    os.environ.update(pod.env)


def run(pod: StartPod) -> None:
    """Run the pod's module to its end, and raise SystemExit as it does; ``Start.EXEC`` never returns."""
    if pod.start == Start.EXEC:
        signal.signal(signal.SIGPIPE, signal.SIG_DFL)  # what is ignored would stay so
        signal.pthread_sigmask(signal.SIG_SETMASK, set())
        command = command_line(pod)
        os.execve(command[0], command, pod.env)  # noqa: S606  # a shell is not wanted
    gc.enable()
    sys.argv = ["-m", *pod.args]
    if instrumented(pod.env):
        _instrument()
    runpy.run_module(pod.module, run_name="__main__", alter_sys=True)


def instrumented(env: dict[str, str]) -> bool:
    """Whether the pod runs under auto-instrumentation: its environment has an ``OTEL_*`` variable."""
    return any(name.startswith("OTEL_") for name in env)


def command_line(pod: StartPod) -> list[str]:
    """The command that a fresh interpreter is started with."""
    # -P: the folder that the study happens to be started in is no place to import from.
    python = [sys.executable, "-P", "-m", pod.module, *pod.args]
    if instrumented(pod.env):
        return [str(Path(sys.executable).with_name("opentelemetry-instrument")), *python]
    return python


def _instrument() -> None:
    """What ``opentelemetry-instrument`` has an interpreter do at its start."""
    from opentelemetry import propagate  # noqa: PLC0415  # a pod that is not instrumented does without
    from opentelemetry.instrumentation import auto_instrumentation  # noqa: PLC0415

    if "OTEL_PROPAGATORS" in os.environ:
        importlib.reload(propagate)  # the one module of OpenTelemetry that read the environment on import
    auto_instrumentation.initialize()


def _redirect(pod: StartPod) -> None:
    flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC
    for descriptor, path, mode in (
        (0, os.devnull, os.O_RDONLY),
        (1, pod.stdout, flags),
        (2, pod.stderr, flags),
    ):
        opened = os.open(path, mode, 0o644)
        os.dup2(opened, descriptor, inheritable=True)
        os.close(opened)
