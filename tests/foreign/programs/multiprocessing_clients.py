"""a pool of forked processes, each with a channel of its own"""

import multiprocessing
import subprocess
import sys

import grpc
from service import service, start, stub


def ask(arguments):
    port, word = arguments
    with grpc.insecure_channel(f"localhost:{port}") as channel:
        return stub(channel, "unary_unary")(word)


if __name__ == "__main__":
    if len(sys.argv) > 1:
        server, port = start(service(Call=("unary_unary", lambda request, context: request.upper())))
        print(port, flush=True)
        sys.stdin.read()
        server.stop(None).wait()
    else:
        # gRPC's threads do not live through a fork: the server is another program.
        serving = subprocess.Popen(
            [sys.executable, __file__, "serve"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        port = int(serving.stdout.readline())
        with multiprocessing.get_context("fork").Pool(2) as pool:
            print(pool.map(ask, [(port, word) for word in ("a", "b", "c", "d")]))
        serving.communicate()
        print("server:", serving.returncode)
