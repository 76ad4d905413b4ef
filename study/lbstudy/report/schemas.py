"""The JSON Schemas (2020-12) of the study's output files; docs/ has them as files.

    python -m lbstudy.report.schemas result > docs/result.schema.json

The other names are ``comparison``, ``gate`` and ``watch``.
"""

import json
import sys
from typing import Any, Final

from pydantic import BaseModel

from lbstudy.compare.model import Comparison
from lbstudy.gate.model import GateResult
from lbstudy.result.model import Result
from lbstudy.watch.model import WatchResult

MODELS: Final[dict[str, type[BaseModel]]] = {
    "result": Result,
    "comparison": Comparison,
    "gate": GateResult,
    "watch": WatchResult,
}
"""The models of ``NAME.json`` (of a gate: result.json in its folder)."""


def json_schema(name: str) -> dict[str, Any]:
    """Return the schema of ``NAME.json``. Raises KeyError for a name that is not in ``MODELS``."""
    schema = MODELS[name].model_json_schema(mode="serialization")
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": f"lbstudy {name}", **schema}


def schema_text(name: str) -> str:
    """Return the schema as in its file."""
    return json.dumps(json_schema(name), indent=1, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    sys.stdout.write(schema_text(sys.argv[1]))
