"""Makes a fork of the node a pod's process, set up like a new process."""

import gc
import importlib
import os
import runpy
import signal
import sys
from pathlib import Path

from lbstudy.platform.local.node.isolation import own_resolv_conf
from lbstudy.platform.local.node.messages import Start, StartPod
from lbstudy.platform.local.parent import die_with_parent

NOT_STARTED = 127
"""The exit status of a pod whose program could not be started, as in a shell."""


def become(pod: StartPod, node: int) -> None:
    """Detach the fork from the node and give it the pod's files, folder and environment.

    Args:
        pod: the pod.
        node: the node's process id: the pod is killed when the node ends.
    """
    die_with_parent(signal.SIGKILL, node)
    os.setsid()  # what the pod starts is ended with it, by its process group
    for number in (signal.SIGCHLD, signal.SIGINT, signal.SIGTERM, signal.SIGPIPE):
        default = signal.default_int_handler if number == signal.SIGINT else signal.SIG_DFL
        signal.signal(number, signal.SIG_IGN if number == signal.SIGPIPE else default)
    _redirect(pod)
    os.chdir(pod.cwd)
    os.environ.clear()
    os.environ.update(pod.env)


def run(pod: StartPod) -> None:
    """Run the pod's program to its end, and raise its SystemExit; ``Start.EXEC`` never returns."""
    if pod.start == Start.EXEC:
        signal.signal(signal.SIGPIPE, signal.SIG_DFL)  # an ignored signal would stay ignored
        signal.pthread_sigmask(signal.SIG_SETMASK, set())
        command = command_line(pod)
        try:
            if pod.resolv_conf:
                own_resolv_conf(pod.resolv_conf)
            os.execvpe(command[0], command, pod.env)  # noqa: S606  # a shell is not wanted
        except OSError as error:
            sys.stderr.write(f"{command[0]}: {error.strerror.lower() if error.strerror else error}\n")
            sys.stderr.flush()
            os._exit(NOT_STARTED)
    gc.enable()
    module, *args = pod.command[2:]
    sys.argv = ["-m", *args]
    if instrumented(pod):
        _instrument()
    runpy.run_module(module, run_name="__main__", alter_sys=True)


def instrumented(pod: StartPod) -> bool:
    """Return whether the pod has auto-instrumentation: its environment has an ``OTEL_*`` variable."""
    return pod.instrument and any(name.startswith("OTEL_") for name in pod.env)


def command_line(pod: StartPod) -> list[str]:
    """Return the command of a new process."""
    command = list(pod.command)
    if command[:2] == [sys.executable, "-m"]:
        # Do not import from the folder in which the study was started.
        command.insert(1, "-P")
    if instrumented(pod):
        return [str(Path(sys.executable).with_name("opentelemetry-instrument")), *command]
    return command


def _instrument() -> None:
    """Do what ``opentelemetry-instrument`` makes an interpreter do at its start."""
    from opentelemetry import propagate  # noqa: PLC0415  # a pod that is not instrumented does without
    from opentelemetry.instrumentation import auto_instrumentation  # noqa: PLC0415

    if "OTEL_PROPAGATORS" in os.environ:
        importlib.reload(propagate)  # the only module of OpenTelemetry that reads the environment on import
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
