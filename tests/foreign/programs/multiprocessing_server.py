"""multiprocessing: worker processes that are forked, each with a server on the same port (SO_REUSEPORT)"""

import multiprocessing
import socket

import grpc
from facts import children
from service import service, stub

WORKERS = 2


def work(port, serving, stop):
    from concurrent import futures

    server = grpc.server(futures.ThreadPoolExecutor(2), options=(("grpc.so_reuseport", 1),))
    server.add_generic_rpc_handlers((service(Call=("unary_unary", lambda request, context: request * 2)),))
    server.add_insecure_port(f"127.0.0.1:{port}")
    server.start()
    serving.release()
    stop.wait()
    server.stop(None).wait()


if __name__ == "__main__":
    context = multiprocessing.get_context("fork")
    with socket.socket() as reserved:
        reserved.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        reserved.bind(("127.0.0.1", 0))
        port = reserved.getsockname()[1]
        serving, stop = context.Semaphore(0), context.Event()
        workers = [context.Process(target=work, args=(port, serving, stop)) for _ in range(WORKERS)]
        for worker in workers:
            worker.start()
        for _ in workers:
            serving.acquire()
    with grpc.insecure_channel(f"localhost:{port}") as channel:
        print(stub(channel, "unary_unary")("ab"))
    stop.set()
    for worker in workers:
        worker.join()
    print([worker.exitcode for worker in workers], "workers left:", len(multiprocessing.active_children()))
