"""Folds status messages, so that messages with the same meaning count as one.

Addresses, ids, times and other numbers are replaced. gRPC's own words stay, since readers search for them:
"too_many_pings", "max connection age", "no known policies". Python's clients prefix the message with the
code, which is removed.
"""

import re
from collections import Counter
from collections.abc import Iterable
from typing import Final

from lbstudy.measures.codes import NAMES, OK, code_name
from lbstudy.observation.records import SaidCount
from lbstudy.result.model import Said

_LONGEST: Final = 300  # characters of a message that are shown
_CODE: Final = re.compile(rf"^(?:StatusCode\.)?(?:{'|'.join(NAMES)})\b[:,]?\s*")
_IPV4: Final = r"(?:\d{1,3}\.){3}\d{1,3}"
_FOLDS: Final = (
    # The order matters: more specific patterns come first.
    (re.compile(r"\b[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}\b", re.IGNORECASE), "ID"),
    (re.compile(r"\b\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(?:[.,]\d+)?(?:Z|[+-]\d\d:?\d\d)?"), "TIME"),
    (re.compile(rf"\b(?:ipv4:|ipv6:)?(?:%5B|\[)?{_IPV4}(?:\]|%5D)?(?::\d+)?"), "ADDRESS"),
    (re.compile(r"(?:ipv6:)?(?:%5B|\[)[0-9a-f:.]*:[0-9a-f:.]*(?:%25\w+)?(?:%5D|\])(?::\d+)?", re.IGNORECASE),
     "ADDRESS"),
    (re.compile(r"\b0x[0-9a-f]+\b", re.IGNORECASE), "ID"),
    (re.compile(r"\b(?=[0-9a-f]*\d)(?=[0-9a-f]*[a-f])[0-9a-f]{12,}\b", re.IGNORECASE), "ID"),
    (re.compile(r"(?<![\w.])[-+]?\d+(?:[.,]\d+)*(?=\b|[a-zµ]{1,3}\b)"), "N"),
    (re.compile(r"(?<=[-_/])\d+\b"), "N"),
)  # fmt: skip
_SAME: Final = re.compile(r"(ADDRESS|ID|N)(?:[,;] ?\1)+")
"""A list of such placeholders, which may have any length."""


def folded(message: str) -> str:
    """Return the message without what differs from RPC to RPC."""
    text = _CODE.sub("", " ".join(message.split()))
    for what, word in _FOLDS:
        text = what.sub(word, text)
    return _SAME.sub(r"\1, …", text)[:_LONGEST]


def said(said_counts: Iterable[SaidCount]) -> list[Said]:
    """Return failed RPCs by code and folded message, the most frequent first."""
    counts: Counter[tuple[str, str]] = Counter()
    examples: dict[tuple[str, str], str] = {}
    for count in said_counts:
        if count.code == OK:
            continue
        key = code_name(count.code), folded(count.message)
        counts[key] += count.count
        examples.setdefault(key, count.message[:_LONGEST])
    ranked = sorted(counts, key=lambda key: (-counts[key], key))
    return [
        Said(code=code, message=message, count=counts[code, message], example=examples[code, message])
        for code, message in ranked
    ]
