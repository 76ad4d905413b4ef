"""Runs the command with a stand-in for the study itself, so that each of its ends can be had at will.

As a program: ``python stub_study.py END ARGUMENT…``, where END names a method of ``Ends``.
"""

import os
import signal
import socket
import sys
import types
from pathlib import Path

from lbstudy.live.view import View
from lbstudy.platform.interface import PlatformError
from lbstudy.result.model import Entry, Expectation, Ledger, Result
from lbstudy.run.plan import RunPlan
from lbstudy.store.errors import StoreError

sys.path.insert(0, str(Path(__file__).parents[2]))  # as a program it finds the makers of the tests, too
from tests.making import results as making


def result(plan: RunPlan, *, met: bool = True, closes: bool = True) -> Result:
    """The smallest result of a plan that all renderers take."""
    entry = Entry(
        name="spans stored",
        left="spans stored",
        left_count=4 if closes else 3,
        right="RPCs sent",
        right_count=4,
        referee="the client program",
        closes=closes,
    )
    return making.result(
        making.provenance(
            run_id=plan.run_id,
            scenario=plan.scenario.name,
            scenario_description=plan.scenario.description,
            scenario_toml=plan.scenario.toml,
            settings_toml={setting.name: setting.toml for setting in plan.settings},
            command=plan.command,
            started="2026-11-23T15:00:00Z",
            duration=plan.scenario.duration,
            seed=plan.seed,
        ),
        [
            making.setting(setting.name, ledger=Ledger(entries=[entry], closes=closes))
            for setting in plan.settings
        ],
        headline="the headline",
        expectations=[
            Expectation(setting="stock", measure="errors.ratio", expected="≤ 0", found="0.5", met=met),
        ],
    )


class Ends:
    """The ways in which a run may end, by name."""

    def __init__(self) -> None:
        self._runs = 0

    def ok(self, plan: RunPlan, view: View) -> Result:
        view.begin("title", [setting.name for setting in plan.settings], 1.0)
        view.stage("a stage")
        view.end()
        (plan.run_dir / "run.duckdb").touch()
        return result(plan)

    def unmet(self, plan: RunPlan, view: View) -> Result:
        return result(plan, met=False)

    def open_ledger(self, plan: RunPlan, view: View) -> Result:
        return result(plan, closes=False, met=False)

    def platform_error(self, plan: RunPlan, view: View) -> Result:
        raise PlatformError("127.0.1.1:50051: address in use")

    def store_error(self, plan: RunPlan, view: View) -> Result:
        (plan.run_dir / "run.duckdb").touch()
        raise StoreError(f"{plan.run_dir / 'run.duckdb'}: cannot be written: no space")

    def os_error(self, plan: RunPlan, view: View) -> Result:
        raise OSError(28, os.strerror(28), str(plan.run_dir / "dns.jsonl"))

    def second_fails(self, plan: RunPlan, view: View) -> Result:
        """Have all runs of a comparison but the second one end well."""
        self._runs += 1
        return self.platform_error(plan, view) if self._runs == 2 else self.ok(plan, view)

    def second_interrupted(self, plan: RunPlan, view: View) -> Result:
        self._runs += 1
        if self._runs == 2:
            (plan.run_dir / "run.duckdb").touch()
            raise KeyboardInterrupt
        return self.ok(plan, view)

    def second_waits(self, plan: RunPlan, view: View) -> Result:
        self._runs += 1
        return self.wait(plan, view) if self._runs == 2 else self.ok(plan, view)

    def group(self, plan: RunPlan, view: View) -> Result:
        raise ExceptionGroup("unhandled errors in a TaskGroup", [PlatformError("a pod ended by itself")])

    def defect(self, plan: RunPlan, view: View) -> Result:
        raise AssertionError("cannot happen")

    def wait(self, plan: RunPlan, view: View) -> Result:
        (plan.run_dir / "run.duckdb").touch()
        # A signal leaves a byte in the pair, also one that comes before the waiting begins, which
        # signal.pause() would lose.
        reading, writing = socket.socketpair()
        reading.settimeout(300)  # against hanging only
        writing.setblocking(False)
        signal.set_wakeup_fd(writing.fileno())
        view.stage("waiting")
        reading.recv(1)
        raise AssertionError("a signal without an exception")

    def full_disk(self, plan: RunPlan, view: View) -> Result:
        """Have every file of more than 100 bytes fail, as on a full disk."""
        import resource

        resource.setrlimit(resource.RLIMIT_FSIZE, (100, 100))
        return result(plan)

    def in_the_way(self, plan: RunPlan, view: View) -> Result:
        final = Path(str(plan.run_dir).removesuffix(".partial"))
        final.mkdir()
        (final / "somebody's").touch()
        return result(plan)


def module(end: str) -> types.ModuleType:
    """A module to stand for lbstudy.run.study."""
    stub = types.ModuleType("lbstudy.run.study")
    stub.__dict__["run_study"] = getattr(Ends(), end)
    return stub


if __name__ == "__main__":
    from lbstudy.cli.main import main

    sys.modules["lbstudy.run.study"] = module(sys.argv.pop(1))
    sys.exit(main())
