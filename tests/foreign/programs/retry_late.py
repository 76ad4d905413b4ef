"""retry: an attempt that fails late is tried again"""

import json
import time

import grpc
from service import failure, service, start, stub

attempts = []


def overloaded(request, context):
    attempts.append(request)
    if len(attempts) < 2:
        time.sleep(1.3)
        context.abort(grpc.StatusCode.UNAVAILABLE, "draining")
    return f"after {len(attempts)} attempts"


POLICY = {
    "methodConfig": [
        {
            "name": [{}],
            "retryPolicy": {
                "maxAttempts": 3,
                "initialBackoff": "0.01s",
                "maxBackoff": "0.01s",
                "backoffMultiplier": 1,
                "retryableStatusCodes": ["UNAVAILABLE"],
            },
        }
    ]
}
server, port = start(service(Call=("unary_unary", overloaded)))
with grpc.insecure_channel(
    f"localhost:{port}", options=(("grpc.service_config", json.dumps(POLICY)),)
) as channel:
    try:
        print(stub(channel, "unary_unary")("x"))
    except grpc.RpcError as error:
        print(failure(error))
server.stop(None).wait()
