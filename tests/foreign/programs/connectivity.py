"""connectivity: a channel's states, subscribed to and waited for"""

import threading

import grpc
from service import service, start, stub

server, port = start(service(Call=("unary_unary", lambda request, context: request)))
channel = grpc.insecure_channel(f"localhost:{port}")
states, ready = [], threading.Event()


def seen(state):
    states.append(state.name)
    if state is grpc.ChannelConnectivity.READY:
        ready.set()


channel.subscribe(seen, try_to_connect=True)
ready.wait()
print(states[0], states[-1])
channel.unsubscribe(seen)
grpc.channel_ready_future(channel).result(60)
print(stub(channel, "unary_unary")("x"))
channel.close()
server.stop(None).wait()
