"""Generates the typed stubs of proto/ into greeter/v1 at build time."""

import subprocess
import sys
from importlib import resources
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class GenerateStubs(BuildHookInterface):  # type: ignore[type-arg]  # hatchling documents it without the parameter
    """Runs protoc, for a wheel and for an editable install alike."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:  # noqa: ARG002 - hatchling's hook
        """Write greeter_pb2{,_grpc}.py{,i}; raises CalledProcessError when protoc fails."""
        root = Path(self.root)
        proto = root.parent / "proto"
        google = resources.files("grpc_tools") / "_proto"
        out = root / "greeter" / "v1"
        out.mkdir(exist_ok=True)
        (out / "__init__.py").write_text('"""Generated from proto/greeter/v1; not committed."""\n')
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
                *(str(path) for path in sorted(proto.glob("greeter/**/*.proto"))),
            ],
            check=True,
        )
