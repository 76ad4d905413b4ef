"""futures: callbacks, results, exceptions, a stream-unary call's future"""

import threading

import grpc
from service import failure, service, start, stub


def half(request, context):
    if int(request) % 2:
        context.abort(grpc.StatusCode.INVALID_ARGUMENT, "odd")
    return str(int(request) // 2)


server, port = start(
    service(
        Half=("unary_unary", half),
        Join=("stream_unary", lambda requests, context: "+".join(requests)),
    )
)
with grpc.insecure_channel(f"localhost:{port}") as channel:
    called = threading.Event()
    seen = []
    future = stub(channel, "unary_unary", "Half").future("4")
    future.add_done_callback(lambda done: (seen.append(done is future), called.set()))
    print(future.result(timeout=60), future.exception(), future.traceback(), future.running())
    called.wait()
    print(seen, future.code().name, future.cancelled())
    odd = stub(channel, "unary_unary", "Half").future("3")
    print(failure(odd.exception()), odd.traceback() is None)
    try:
        odd.result()
    except grpc.RpcError as error:
        print(failure(error))
    joined = stub(channel, "stream_unary", "Join").future(iter("abc"))
    print(joined.result())
server.stop(None).wait()
