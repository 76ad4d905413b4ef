"""The scenarios and settings that come with the package."""

import tomllib
from dataclasses import dataclass
from pathlib import Path

_HERE = Path(__file__).parent


@dataclass(frozen=True, slots=True)
class BuiltIn:
    """A file that comes with the package and is known by its name."""

    kind: str  # "scenario" or "setting"
    name: str
    path: Path

    def description(self) -> str:
        """Read what the file says of itself."""
        return str(tomllib.loads(self.path.read_text(encoding="utf-8"))["description"])


def available_scenarios() -> list[BuiltIn]:
    """List the built-in scenarios by name."""
    return _in_folder("scenario", "scenarios")


def available_settings() -> list[BuiltIn]:
    """List the built-in settings by name."""
    return _in_folder("setting", "settings")


def _in_folder(kind: str, folder: str) -> list[BuiltIn]:
    return [BuiltIn(kind, path.stem, path) for path in sorted((_HERE / folder).glob("*.toml"))]
