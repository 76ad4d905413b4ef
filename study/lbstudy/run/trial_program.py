"""The program of a trial: sends one RPC with each service config (see ``lbstudy.run.trial``).

It reads an object "setting → service config as JSON" from standard input, and writes "setting → details of
the failed RPC, or null" to standard output. gRPC's log goes to standard error, where a line names each
setting before it is tried.
"""

import json
import sys
from concurrent.futures import ThreadPoolExecutor

import grpc

from lbstudy.direct import NO_PROXY
from lbstudy.run.trial import MARK

_METHOD = "/lbstudy.Trial/Trial"
_WITHIN = 20.0  # s; only a safeguard


class _AnswersAll(grpc.GenericRpcHandler):
    def service(
        self,
        handler_call_details: grpc.HandlerCallDetails,  # noqa: ARG002 - the interface's; all are answered
    ) -> "grpc.RpcMethodHandler[bytes, bytes]":
        def answer(request: bytes, context: grpc.ServicerContext) -> bytes:
            del context
            return request

        return grpc.unary_unary_rpc_method_handler(answer)


def main() -> None:
    """Try each service config."""
    server = grpc.server(ThreadPoolExecutor(1))
    server.add_generic_rpc_handlers((_AnswersAll(),))
    target = f"ipv4:127.0.0.1:{server.add_insecure_port('127.0.0.1:0')}"
    server.start()
    refusals = {}
    for setting, config in json.load(sys.stdin).items():
        print(MARK, setting, file=sys.stderr, flush=True)  # noqa: T201 - what this program says
        refusals[setting] = _refusal(target, config)
    json.dump(refusals, sys.stdout)
    server.stop(None)


def _refusal(target: str, config: str) -> str | None:
    options = [("grpc.service_config", config), ("grpc.use_local_subchannel_pool", 1), NO_PROXY]
    with grpc.insecure_channel(target, options=options) as channel:
        call: grpc.UnaryUnaryMultiCallable[bytes, bytes] = channel.unary_unary(_METHOD)
        try:
            call(b"", timeout=_WITHIN)
        except grpc.RpcError as error:
            return (error.details() if isinstance(error, grpc.Call) else None) or str(error)
    return None


if __name__ == "__main__":
    main()
