"""helloworld's client, without a word of telemetry: it calls the target of its first argument, until it is ended.

With round_robin, 20 times a second; one name in ten is one that the server refuses.
"""

import contextlib
import itertools
import json
import sys
import time

import grpc

config = {"loadBalancingConfig": [{"round_robin": {}}]}
with grpc.insecure_channel(sys.argv[1], [("grpc.service_config", json.dumps(config))]) as channel:
    hello = channel.unary_unary("/helloworld.Greeter/SayHello")
    for number in itertools.count():
        with contextlib.suppress(grpc.RpcError):
            hello(b"x" if number % 10 == 9 else b"you", timeout=10)
        time.sleep(0.05)
