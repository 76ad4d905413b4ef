"""Checks that the files of one command have different names."""

from collections.abc import Sequence

from lbstudy.cli.failure import UsageError
from lbstudy.config.base import Document


def require_different_names(documents: Sequence[Document]) -> None:
    """Raise UsageError if two documents of one kind have the same name."""
    seen: dict[str, Document] = {}
    for document in documents:
        if document.name in seen:
            kind = type(document).__name__.lower()
            raise UsageError(
                f"{document.path}: name: expected a name that no other {kind} of this run has,"
                f" found {document.name}, as in {seen[document.name].path}"
            )
        seen[document.name] = document
