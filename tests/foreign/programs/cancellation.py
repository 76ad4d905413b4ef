"""cancellation: a unary future and a stream, cancelled by the client, seen by the server"""

import threading

import grpc
from service import failure, service, start, stub

began = threading.Semaphore(0)
ended = threading.Semaphore(0)


def wait_for_end(context):
    stopped = threading.Event()
    context.add_callback(stopped.set)
    began.release()
    stopped.wait()
    ended.release()


def find(request, context):
    wait_for_end(context)
    return "nobody hears this"


def find_all(request, context):
    yield "one"
    wait_for_end(context)


server, port = start(service(Find=("unary_unary", find), FindAll=("unary_stream", find_all)))
with grpc.insecure_channel(f"localhost:{port}") as channel:
    call = stub(channel, "unary_unary", "Find").future("x")
    began.acquire()
    print(call.cancel(), call.cancelled(), call.done())
    ended.acquire()
    print("the server saw it")
    stream = stub(channel, "unary_stream", "FindAll")("x")
    print(next(stream))
    began.acquire()
    stream.cancel()
    ended.acquire()
    print("the server saw it")
    try:
        next(stream)
    except grpc.RpcError as error:
        print(failure(error))
server.stop(None).wait()
