"""Working on one thing while the next one is fetched."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Final, TypeVar

T = TypeVar("T")

_END: Final = object()


def ahead(items: Iterator[T]) -> Iterator[T]:
    """The same items; the next one is made in a thread meanwhile. Errors come where the item would."""
    with ThreadPoolExecutor(1, thread_name_prefix="lbstudy-ahead") as thread:
        coming = thread.submit(next, items, _END)
        while (item := coming.result()) is not _END:
            coming = thread.submit(next, items, _END)
            yield item  # type: ignore[misc]  # it is not the end
