"""A sweep measured here, against the model: minutes long, so only where that is wanted."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.skipif(
    not os.environ.get("LBSTUDY_SLOW"), reason="takes three minutes: only with LBSTUDY_SLOW=1"
)


def test_max_age_is_as_the_model_says(tmp_path: Path) -> None:
    """Eight changes are too few for 10 %: the model's median lies within their interval, stretched by 10 %.

    A client's look-ups and connections average over the whole sweep: they agree within 3 %.
    """
    out = tmp_path / "run"
    program = Path(sys.executable).with_name("lbstudy")
    options = ["--changes", "8", "--clients", "20", "--plain", "--json", "--out", str(out)]
    done = subprocess.run(
        [program, "sweep", "max-age", *options], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr[-2000:]
    sweep = json.loads(done.stdout)

    assert (out / "sweep.html").is_file()
    for count in sweep["counts"]:
        assert count["model"] == pytest.approx(count["measured"], rel=0.03)
    names = {quantity["name"]: quantity for quantity in sweep["quantities"]}
    for name in ("time to detect", "dropped"):
        quantity = names[name]
        assert quantity["measured"]["censored"] == 0
        median = quantity["quantiles"][0]
        low, high = (median["interval"][end]["seconds"] for end in ("low", "high"))
        assert low * 0.9 <= median["model"]["seconds"] <= high * 1.1
