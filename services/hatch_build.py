"""Generates typed stubs from proto/ into the services' packages at build time."""

import subprocess
import sys
from importlib import resources
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

PACKAGES = ("greeter/v1", "endpoint_push/v1", "endpoint_push/xds/v3")
"""Folders of proto/, and of the packages, in which all Python files are generated."""


class GenerateStubs(BuildHookInterface):  # type: ignore[type-arg]  # hatchling documents it without the parameter
    """Runs protoc, for a wheel and for an editable install."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:  # noqa: ARG002 - hatchling's hook
        """Write *_pb2{,_grpc}.py{,i}; raises CalledProcessError if protoc fails."""
        root = Path(self.root)
        proto = next(folder for folder in (root / "proto", root.parent / "proto") if folder.is_dir())
        google = resources.files("grpc_tools") / "_proto"
        for package in PACKAGES:
            out = root / package
            out.mkdir(parents=True, exist_ok=True)
            (out / "__init__.py").write_text(f'"""Generated from proto/{package}; not committed."""\n')
        subprocess.run(
            [
                sys.executable,
                "-m",
                "grpc_tools.protoc",
                f"-I{proto}",
                f"-I{google}",
                f"--python_out={root}",
                f"--pyi_out={root}",
                f"--grpc_python_out={root}",
                f"--mypy_grpc_out={root}",
                *(str(path) for package in PACKAGES for path in sorted((proto / package).glob("*.proto"))),
            ],
            check=True,
        )
