"""What the models of files have in common: strict types, no unknown keys, a description for every key.

A field's ``description`` says what is expected there ("a whole number from 1 to 1000: …"); the error for a
bad value quotes its part before the colon, so it must read on after "expected".
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field, PrivateAttr, StrictInt, StrictStr

Seconds = Annotated[float, Field(strict=True, allow_inf_nan=False)]
"""A duration or an instant in seconds; whole numbers are welcome, strings are not."""
Int = StrictInt
Str = StrictStr
NAME_PATTERN = r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?$"
"""A DNS label (RFC 1123), for pydantic (where $ is the text's end): names go into host and pod names."""


class Table(BaseModel):
    """A table of a file."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False, hide_input_in_errors=True)


@dataclass(frozen=True, slots=True)
class Origin:
    """Where something was read from."""

    path: Path
    text: str  # the file as it was, comments and all


class Document(Table):
    """A whole file."""

    name: Str = Field(
        min_length=1,
        # A server's pod is greeter-<setting>-<10 characters>-<5 characters>, and a DNS label has at most 63.
        max_length=38,
        pattern=NAME_PATTERN,
        description="a name of lower-case letters, digits and hyphens, at most 38 characters",
    )
    description: Str = Field(default="", max_length=2000, description="a text of at most 2000 characters")
    _origin: Origin | None = PrivateAttr(default=None)

    @property
    def path(self) -> Path | None:
        """The file that it was read from; None when it was made by a program."""
        return self._origin.path if self._origin else None

    @property
    def toml(self) -> str:
        """The file's text, for a result's provenance; empty when it was made by a program."""
        return self._origin.text if self._origin else ""

    def read_from(self, origin: Origin) -> Self:
        """Note where this was read from."""
        self._origin = origin
        return self
