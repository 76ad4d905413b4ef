"""Copies the project's own packages from where they are installed: copy_sources.py FOLDER."""

import shutil
import sys
from importlib.metadata import distribution
from pathlib import Path

for name in ("grpc-lb-greeter", "grpc-lb-instrumentor"):
    installed = distribution(name)
    tops = {path.parts[0] for path in installed.files or () if path.suffix == ".py" and len(path.parts) > 1}
    for top in sorted(tops):
        shutil.copytree(str(installed.locate_file(top)), Path(sys.argv[1], top), dirs_exist_ok=True)
