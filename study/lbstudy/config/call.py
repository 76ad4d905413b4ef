"""``[call]``: what the study's own client calls, so that a subject needs no client."""

import json
import re
from pathlib import Path
from typing import Annotated, Self

from pydantic import BeforeValidator, Field, JsonValue, field_validator, model_validator

from lbstudy.config.base import Str, Table
from lbstudy.config.command import ArgumentGroup, Command, Part, escaped
from lbstudy.config.error import clipped
from lbstudy.config.method import Method

CALLER = "caller"
"""The program that can call any method: ``services/caller``."""
_KEY = re.compile(r"[a-z0-9_.-]+")
_LARGEST = 100_000  # characters of JSON; Linux limits an argument to 128 KiB


def _as_json(value: object) -> object:
    try:
        text = json.dumps(value, allow_nan=False)
    except (TypeError, ValueError) as error:
        raise ValueError("expected values that JSON has (no dates, times, inf or nan)") from error
    if len(text) > _LARGEST:
        raise ValueError(f"expected at most {_LARGEST} characters of JSON, found {len(text)}")
    return value


class Call(Table):
    """The method to call, and its request."""

    method: Method = Field(description='a method with its service, as "orders.v1.Orders/Get"')
    request: Annotated[dict[str, JsonValue] | list[dict[str, JsonValue]], BeforeValidator(_as_json)] = Field(
        default_factory=dict,
        description="a table, the request in protobuf's JSON; a list, for a method that takes a stream",
    )
    metadata: dict[str, Str] = Field(
        default_factory=dict, description="a table of request metadata, with texts as values"
    )
    descriptor_set: Str = Field(
        default="",
        max_length=4000,
        description="the path of a file, of protoc --descriptor_set_out",
    )
    protos: Annotated[list[Str], Field(max_length=1000)] = Field(
        default_factory=list, description="at most 1000 paths of .proto files"
    )
    imports: Annotated[list[Str], Field(max_length=100)] = Field(
        default_factory=list,
        description="at most 100 folders of .proto files (absent: the subject's)",
    )

    @field_validator("metadata")
    @classmethod
    def _sendable(cls, metadata: dict[str, str]) -> dict[str, str]:
        for key, value in metadata.items():
            if not key or not all(c.islower() or c.isdigit() or c in "-_." for c in key) or not key.isascii():
                raise ValueError(
                    f"expected keys of lower-case letters, digits, - _ and ., found {clipped(key)!r}"
                )
            if key.startswith("grpc-") or key.endswith("-bin"):
                raise ValueError(f"{clipped(key)}: expected neither grpc-… (gRPC's own) nor …-bin (bytes)")
            if not (value.isascii() and value.isprintable()):
                raise ValueError(f"{clipped(key)}: expected a text of printable ASCII characters")
        return metadata

    @model_validator(mode="after")
    def _one_source(self) -> Self:
        if self.descriptor_set and self.protos:
            raise ValueError("expected either descriptor_set or protos, found both")
        if self.imports and not self.protos:
            raise ValueError("expected imports only with protos")
        if any("\0" in path for path in (self.descriptor_set, *self.protos, *self.imports)):
            raise ValueError("expected paths without the character NUL")
        return self

    def files(self, folder: Path) -> list[Path]:
        """Return the files that must exist."""
        return [folder / path for path in (self.descriptor_set, *self.protos) if path]


def client_of_call(call: Call, folder: Path) -> Command:
    """Return the command of the study's client for a subject's call; relative paths begin at ``folder``."""
    parts: list[Part] = ["{python}", "-m", CALLER, "--target", "{target}"]
    for flag in ("clients", "rate", "timeout", "start_at", "duration"):
        parts += [f"--{flag.replace('_', '-')}", f"{{{flag}}}"]
    parts.append(ArgumentGroup(("--rates", "{rates}"), when="rates"))
    parts += ["--seed={seed}", ArgumentGroup(("--service-config", "{service_config}"), when="service_config")]
    stream = [
        text
        for name in ("kind", "rate", "life", "share")
        for text in (f"--stream-{name}", f"{{stream_{name}}}")
    ]
    parts.append(ArgumentGroup(tuple(stream), when="stream_kind"))
    parts.append(ArgumentGroup(("--tls-ca", "{tls_ca}"), when="tls_ca"))
    own = ("--tls-certificate", "{tls_certificate}", "--tls-key", "{tls_key}")
    parts.append(ArgumentGroup(own, when="tls_certificate"))
    parts.append(ArgumentGroup(("--channel-arg={key}={value}",), each="channel_options"))
    parts += ["--method", call.method, escaped(f"--request={json.dumps(call.request)}")]
    parts += [escaped(f"--metadata={key}={value}") for key, value in call.metadata.items()]
    if call.descriptor_set:
        parts.append(escaped(f"--descriptor-set={folder / call.descriptor_set}"))
    parts += [escaped(f"--proto={folder / path}") for path in call.protos]
    parts += [escaped(f"--import={folder / path}") for path in call.imports]
    return tuple(parts)
