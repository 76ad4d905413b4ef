"""Reads a method's description: from a descriptor set, .proto files, or the server itself."""

import tempfile
from collections.abc import Sequence
from pathlib import Path

import grpc
from google.protobuf import descriptor_pb2
from google.protobuf.descriptor import MethodDescriptor
from google.protobuf.descriptor_pool import DescriptorPool
from grpc_reflection.v1alpha import reflection_pb2

REFLECTION = ("grpc.reflection.v1.ServerReflection", "grpc.reflection.v1alpha.ServerReflection")
"""The two versions of the service; their messages are encoded the same."""


class DescriptionError(Exception):
    """The method's description cannot be had. The message is one line."""


def read_descriptor_set(path: Path) -> descriptor_pb2.FileDescriptorSet:
    """Read a file that ``protoc --descriptor_set_out --include_imports`` wrote. Raises DescriptionError."""
    try:
        return descriptor_pb2.FileDescriptorSet.FromString(path.read_bytes())
    except OSError as error:
        raise DescriptionError(f"{path}: cannot be read: {error.strerror}") from error
    except Exception as error:  # protobuf's implementations raise different classes of DecodeError
        raise DescriptionError(f"{path}: is not a descriptor set (protoc --descriptor_set_out)") from error


def compile_protos(protos: Sequence[Path], imports: Sequence[Path]) -> descriptor_pb2.FileDescriptorSet:
    """Compile .proto files to a descriptor set; ``imports`` are the folders to search.

    Without ``imports``, each file's own folder is searched. Raises DescriptionError; protoc's messages
    about the files go to standard error.
    """
    from importlib import resources  # noqa: PLC0415 - only for this

    from grpc_tools import protoc  # type: ignore[import-untyped]  # noqa: PLC0415 - megabytes

    folders = list(imports) or list(dict.fromkeys(path.parent for path in protos))
    google = resources.files("grpc_tools") / "_proto"
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "set"
        status = protoc.main(
            [
                "protoc",
                *(f"-I{path}" for path in (*folders, google)),
                "--include_imports",
                f"--descriptor_set_out={out}",
                *map(str, protos),
            ]
        )
        if status != 0:
            raise DescriptionError(f"protoc could not read {', '.join(map(str, protos))}")
        return read_descriptor_set(out)


async def ask_server(
    channel: grpc.aio.Channel, service: str, within: float
) -> descriptor_pb2.FileDescriptorSet:
    """Request a service's descriptor set from the server, by reflection. Raises DescriptionError."""
    said = ""
    for reflection in REFLECTION:
        try:
            return await _reflected(channel, f"/{reflection}/ServerReflectionInfo", service, within)
        except grpc.aio.AioRpcError as error:
            said = f"{error.code().name}: {' '.join((error.details() or '').split())}"
            if error.code() is not grpc.StatusCode.UNIMPLEMENTED:
                break
    raise DescriptionError(
        f"the server does not describe {service} by reflection ({said});"
        " give descriptor_set or protos in [call]"
    )


def method_of(files: descriptor_pb2.FileDescriptorSet, method: str) -> MethodDescriptor:
    """Find a method, such as "orders.v1.Orders/Get", in a descriptor set. Raises DescriptionError."""
    pool = DescriptorPool()
    for file in _in_order(files):
        try:
            pool.Add(file)
        except TypeError as error:
            raise DescriptionError(f"{file.name}: {' '.join(str(error).split())}") from error
    service, _, name = method.rpartition("/")
    try:
        described = pool.FindServiceByName(service)
    except KeyError:
        names = sorted(
            f"{file.package}.{known.name}".lstrip(".") for file in files.file for known in file.service
        )
        raise DescriptionError(
            f"there is no service {service}; there is {', '.join(names) or 'none'}"
        ) from None
    described_method: MethodDescriptor | None = described.methods_by_name.get(name)
    if described_method is None:
        raise DescriptionError(
            f"{service} has no method {name}; it has {', '.join(described.methods_by_name)}"
        )
    return described_method


def _in_order(files: descriptor_pb2.FileDescriptorSet) -> list[descriptor_pb2.FileDescriptorProto]:
    """Return the files so that each comes after those that it imports."""
    by_name = {file.name: file for file in files.file}
    ordered: dict[str, descriptor_pb2.FileDescriptorProto] = {}

    def add(name: str, within: tuple[str, ...] = ()) -> None:
        if name in by_name and name not in ordered and name not in within:
            for needed in by_name[name].dependency:
                add(needed, (*within, name))
            ordered[name] = by_name[name]

    for name in by_name:
        add(name)
    return list(ordered.values())


async def _reflected(
    channel: grpc.aio.Channel, method: str, service: str, within: float
) -> descriptor_pb2.FileDescriptorSet:
    """Request the file of a service, and every file that it imports.

    Each question is a call of its own with one message, although the method takes a stream: if a server
    refuses the call before a written message has left, gRPC's asyncio says INTERNAL instead of the server's
    status.
    """
    ask = channel.unary_stream(
        method,
        request_serializer=reflection_pb2.ServerReflectionRequest.SerializeToString,
        response_deserializer=reflection_pb2.ServerReflectionResponse.FromString,
    )
    files_by_name: dict[str, descriptor_pb2.FileDescriptorProto] = {}
    wanted = [reflection_pb2.ServerReflectionRequest(file_containing_symbol=service)]
    asked: set[str] = set()
    while wanted:
        async for answer in ask(wanted.pop(), timeout=within, wait_for_ready=True):
            if answer.HasField("error_response"):
                raise DescriptionError(
                    f"the server's reflection does not know {service}: {answer.error_response.error_message}"
                )
            for serialized in answer.file_descriptor_response.file_descriptor_proto:
                file = descriptor_pb2.FileDescriptorProto.FromString(serialized)
                files_by_name[file.name] = file
        for name in (
            {needed for file in files_by_name.values() for needed in file.dependency}
            - set(files_by_name)
            - asked
        ):
            asked.add(name)
            wanted.append(reflection_pb2.ServerReflectionRequest(file_by_filename=name))
    if not files_by_name:
        raise DescriptionError(f"the server's reflection ended without a description of {service}")
    return descriptor_pb2.FileDescriptorSet(file=files_by_name.values())
