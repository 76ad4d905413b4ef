"""A run's result against what its pods wrote, read by kubectl."""

from typing import Any

from tests.kubernetes.e2e.lab import Witness


def of_setting(result: dict[str, Any], name: str) -> dict[str, Any]:
    return next(setting for setting in result["settings"] if setting["name"] == name)


def assert_counts(result: dict[str, Any], witness: Witness) -> None:
    """Every count is that of the pods themselves."""
    stopped, finished = witness.events("stopped"), witness.events("finished")
    for setting in result["settings"]:
        total = setting["distribution"]["total"]
        assert set(total) == {name for name in stopped if name.startswith(f"greeter-{setting['name']}-")}
        (tally,) = [
            said["tally"] for name, said in finished.items() if name.startswith(f"client-{setting['name']}-")
        ]
        assert setting["errors"]["client_by_code"] == tally["by_code"]
        # An answer other than OK does not tell the client who gave it: the traces do.
        erred = {name: sum(codes.values()) for name, codes in setting["errors"]["by_server"].items()}
        succeeded = {name: count - erred.get(name, 0) for name, count in total.items()}
        assert {name: count for name, count in succeeded.items() if count} == tally["by_server"]
        for name, count in succeeded.items():
            answered = stopped[name]["answered"].get("OK", 0)
            failed = sum(tally["by_code"].values()) - tally["by_code"].get("OK", 0)
            assert count <= answered <= count + failed
