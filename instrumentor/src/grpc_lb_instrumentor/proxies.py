"""The base class of the objects that replace gRPC's own."""

from typing import TYPE_CHECKING, Any

from wrapt import BaseObjectProxy

if TYPE_CHECKING:
    Proxy = BaseObjectProxy[Any]
else:
    Proxy = BaseObjectProxy  # before wrapt 2.2 the class takes no type parameters at run time
