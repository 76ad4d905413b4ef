"""Who is told of records: the program's own counts, and whatever instruments it from outside."""

from collections.abc import Callable

from endpoint_push.records import Record

Observer = Callable[[Record], None]

_observers: list[Observer] = []


def add_observer(observer: Observer) -> None:
    """Have every record from now on; it must not block and must not raise."""
    _observers.append(observer)


def remove_observer(observer: Observer) -> None:
    """Have no more; nothing happens when it has none now."""
    if observer in _observers:
        _observers.remove(observer)


def tell(record: Record) -> None:
    """Tell every observer."""
    for observer in _observers:
        observer(record)
