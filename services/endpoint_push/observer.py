"""Passes records to observers: the program's own log, and whatever instruments it from outside."""

from collections.abc import Callable

from endpoint_push.records import Record

Observer = Callable[[Record], None]

_observers: list[Observer] = []


def add_observer(observer: Observer) -> None:
    """Call ``observer`` with every record from now on; it must not block and must not raise."""
    _observers.append(observer)


def remove_observer(observer: Observer) -> None:
    """Stop calling ``observer``; does nothing if it was not added."""
    if observer in _observers:
        _observers.remove(observer)


def tell(record: Record) -> None:
    """Pass a record to every observer."""
    for observer in _observers:
        observer(record)
