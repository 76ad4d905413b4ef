"""Print constraints for pip: with ``lowest``, the lower bounds that the pyproject.toml files declare."""

import re
import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[2]
_LOWEST = re.compile(r"([A-Za-z0-9._-]+)>=([^,]+),")


def lowest() -> list[str]:
    """The lower bound of each dependency as its only version."""
    instrumentor = tomllib.loads((ROOT / "instrumentor" / "pyproject.toml").read_text())
    study = tomllib.loads((ROOT / "pyproject.toml").read_text())
    # Of the study only what the programs are started with.
    beside = [
        one for one in study["project"]["dependencies"] if re.match("opentelemetry-(distro|sdk|instr)", one)
    ]
    found = [_LOWEST.match(one) for one in [*instrumentor["project"]["dependencies"], *beside]]
    return [f"{match[1]}=={match[2]}" for match in found if match is not None]


def main() -> None:
    """Print them."""
    sys.stdout.write("".join(f"{line}\n" for line in (lowest() if sys.argv[1] == "lowest" else [])))


if __name__ == "__main__":
    main()
