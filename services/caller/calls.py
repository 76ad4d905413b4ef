"""One RPC of any of the four kinds: sends the same requests each time, and counts the answers.

If the calls are streams, a method that takes a stream is sent its requests again and again at a fixed rate.
If the method only returns a stream, its server decides how long the stream lasts.
"""

import json
from collections.abc import Awaitable, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import grpc
from google.protobuf import json_format
from google.protobuf.descriptor import MethodDescriptor
from google.protobuf.message_factory import GetMessageClass
from greeter.client.load import Call
from greeter.client.metadata import Metadata
from greeter.client.streams import MessagesOfStream, StreamCall, StreamPlan, Writing

from caller.descriptors import DescriptionError


def requests_of(method: MethodDescriptor, text: str) -> list[bytes]:
    """Return the serialised requests, of which there is one unless the method takes a stream.

    ``text`` is JSON. Raises DescriptionError.
    """
    given = json.loads(text)
    if not isinstance(given, list):
        given = [given]
    elif not method.client_streaming:
        raise DescriptionError(
            f"{method.full_name} takes one request, not a stream: expected a table, not a list"
        )
    message = GetMessageClass(method.input_type)
    try:
        return [json_format.ParseDict(item, message()).SerializeToString() for item in given]
    except json_format.ParseError as error:
        said = " ".join(str(error).split())
        raise DescriptionError(f"the request is not a {method.input_type.full_name}: {said}") from error


def call_of(
    channel: grpc.aio.Channel, method: MethodDescriptor, requests: Sequence[bytes], metadata: Metadata
) -> Call:
    """Return the call that one client makes."""
    assert method.containing_service is not None
    path = f"/{method.containing_service.full_name}/{method.name}"
    kinds: dict[tuple[bool, bool], Any] = {
        (False, False): (channel.unary_unary, _one_answer),
        (False, True): (channel.unary_stream, _all_answers),
        (True, False): (channel.stream_unary, _one_answer),
        (True, True): (channel.stream_stream, _all_answers),
    }
    make, answered = kinds[method.client_streaming, method.server_streaming]
    return partial(
        _send, make(path), answered, requests if method.client_streaming else requests[0], metadata
    )


def _send(
    call: Any,  # noqa: ANN401 - one of grpc.aio's four kinds of callables
    answered: Any,  # noqa: ANN401 - the function for its kind of call
    requests: Sequence[bytes] | bytes,
    own: Metadata,
    timeout: float,
    metadata: Metadata,
) -> Awaitable[str]:
    answer: Awaitable[str] = answered(call(requests, timeout=timeout, metadata=(*own, *metadata)))
    return answer


async def _one_answer(call: Awaitable[bytes]) -> str:
    await call
    return ""  # another service's answer does not name the pod


async def _all_answers(call: Any) -> str:  # noqa: ANN401 - grpc.aio's UnaryStreamCall or StreamStreamCall
    async for _ in call:
        pass
    return ""


def stream_of_method(
    method: MethodDescriptor, asked: StreamPlan | None
) -> tuple[StreamPlan | None, list[tuple[str, str]]]:
    """Return the streams that a method can have, and what of those requested is not done: option and reason.

    All calls of a method that takes or returns a stream are streams; the calls of any other method never are.
    """
    if asked is None:
        return None, []
    kinds = {(False, True): "server", (True, False): "client", (True, True): "bidi"}
    kind = kinds.get((method.client_streaming, method.server_streaming))
    if kind is None:
        return None, [("[load.stream]", f"{method.full_name} takes one message and gives one")]
    why = f"{method.full_name} is a stream of the kind {kind}"
    undone = [("[load.stream] kind", why)] if asked.kind != kind else []
    if asked.share < 1:
        undone.append(("[load.stream] share", f"all calls are of {method.full_name}"))
    if kind == "server":
        undone.append(("[load.stream] rate and life", f"{why}: its server decides them"))
    return replace(asked, kind=kind, share=1.0), undone


def stream_of(
    channel: grpc.aio.Channel,
    method: MethodDescriptor,
    requests: Sequence[bytes],
    metadata: Metadata,
    plan: StreamPlan,
) -> StreamCall:
    """Return the stream that one client opens, as ``plan`` says."""
    assert method.containing_service is not None
    path = f"/{method.containing_service.full_name}/{method.name}"
    makes: dict[str, Any] = {
        "server": channel.unary_stream,
        "client": channel.stream_unary,
        "bidi": channel.stream_stream,
    }
    make = makes[plan.kind](path)

    def begin(life: float, timeout: float, given: Metadata, counted: MessagesOfStream) -> Awaitable[str]:
        sent = {"timeout": timeout, "metadata": (*metadata, *given)}
        if plan.kind == "server":
            return _read(make(requests[0], **sent), counted)
        writing = Writing(make(**sent), lambda number: requests[number % len(requests)], plan)
        if plan.kind == "client":
            return _collected(writing, life, counted)
        return _conversed(writing, life, counted)

    return begin


async def _read(call: Any, counted: MessagesOfStream) -> str:  # noqa: ANN401 - grpc.aio's UnaryStreamCall
    async for _ in call:
        counted.received += 1
    return ""


async def _collected(writing: Writing, life: float, counted: MessagesOfStream) -> str:
    await writing.collect(life, counted)
    return ""


async def _conversed(writing: Writing, life: float, counted: MessagesOfStream) -> str:
    def read(_: bytes) -> None:
        counted.received += 1

    await writing.converse(life, counted, read)
    return ""
