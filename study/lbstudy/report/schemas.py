"""The JSON Schemas (2020-12) of what the study leaves; docs/ has them as files.

``python -m lbstudy.report.schemas result > docs/result.schema.json``, and ``comparison`` likewise.
"""

import json
import sys
from typing import Any, Final

from pydantic import BaseModel

from lbstudy.compare.model import Comparison
from lbstudy.result.model import Result

MODELS: Final[dict[str, type[BaseModel]]] = {"result": Result, "comparison": Comparison}
"""What is left as ``NAME.json`` → its model."""


def json_schema(name: str) -> dict[str, Any]:
    """The schema of ``NAME.json``. Raises KeyError for a name that is not in ``MODELS``."""
    schema = MODELS[name].model_json_schema(mode="serialization")
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": f"lbstudy {name}", **schema}


def schema_text(name: str) -> str:
    """The schema as its file has it."""
    return json.dumps(json_schema(name), indent=1, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    sys.stdout.write(schema_text(sys.argv[1]))
