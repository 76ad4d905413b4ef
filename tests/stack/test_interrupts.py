"""Steps that Ctrl-C must not cut in half."""

import signal
import subprocess
import sys

import pytest
from lbstudy.stack.control import held_off


def test_an_interruption_waits_for_the_blocks_end() -> None:
    done = []

    with pytest.raises(KeyboardInterrupt), held_off():  # noqa: PT012 - where it is raised is the question
        signal.raise_signal(signal.SIGINT)
        done.append("all of it")

    assert done == ["all of it"]
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_without_one_nothing_comes() -> None:
    with held_off():
        pass

    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_a_process_that_is_started_meanwhile_can_be_interrupted() -> None:
    with held_off():
        child = subprocess.run(
            [sys.executable, "-c", "import signal; print(signal.getsignal(signal.SIGINT).__name__)"],
            capture_output=True,
            text=True,
            check=True,
        )

    assert child.stdout == "default_int_handler\n"
