"""What the models of all files share: strict types, no unknown keys, a description for every key.

A field's ``description`` says what is expected ("a whole number from 1 to 1000: …"). The error for a bad
value quotes the part before the colon, so that part must be readable after "expected".
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field, PrivateAttr, StrictInt, StrictStr

Seconds = Annotated[float, Field(strict=True, allow_inf_nan=False)]
"""A duration or an instant in seconds: an integer or a float, not a string."""
Int = StrictInt
Str = StrictStr
NAME_PATTERN = r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?$"
"""A DNS label (RFC 1123): names become part of host and pod names. In pydantic, $ is the text's end."""


class Table(BaseModel):
    """A table of a file."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False, hide_input_in_errors=True)


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a document was read from."""

    path: Path | None  # None: a program made it
    text: str  # the whole file, including comments


class Document(Table):
    """A whole file."""

    name: Str = Field(
        min_length=1,
        # A server's pod is <subject>-<setting>-<10 characters>-<5 characters>, a DNS label of at most 63.
        max_length=38,
        pattern=NAME_PATTERN,
        description="a name of lower-case letters, digits and hyphens, at most 38 characters",
    )
    description: Str = Field(default="", max_length=2000, description="a text of at most 2000 characters")
    _origin: Origin | None = PrivateAttr(default=None)

    @property
    def path(self) -> Path | None:
        """The file that it was read from; None if a program made it."""
        return self._origin.path if self._origin else None

    @property
    def toml(self) -> str:
        """The file's text, to be kept with a result; empty if a program made it."""
        return self._origin.text if self._origin else ""

    def read_from(self, origin: Origin) -> Self:
        """Note where this was read from."""
        self._origin = origin
        return self
