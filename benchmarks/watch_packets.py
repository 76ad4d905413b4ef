"""Holds the first requests that a watch tells against packets: how far apart are they?

    .venv/bin/python -m benchmarks.watch_packets PACKETS.pcap WATCH.json --not ADDRESS

PACKETS is what `tcpdump -i any -s 400 'tcp port 50051'` wrote in the nodes' network while the watch lasted,
WATCH what `lbstudy watch --out` left. A request is an HTTP/2 frame HEADERS to a pod's address; --not, which
may be given again, is where the kubelet probes from, often the address of the pods' bridge. For each pod
that came during the watch, prints how much later than the packet its first request is told.
"""

import argparse
import json
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Final

_COOKED: Final = 20  # bytes of the header of a packet that was captured on any interface
_IPV4: Final = 0x0800
_TCP: Final = 6
_PREFACE: Final = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
_FRAME: Final = 9  # bytes of a frame's header
_HEADERS: Final = 1


def packets(path: Path) -> Iterator[tuple[float, bytes]]:
    """When each was captured, and what it is from its IP header on."""
    data = path.read_bytes()
    at = 24
    while at + 16 <= len(data):
        seconds, micro, kept, _ = struct.unpack_from("<IIII", data, at)
        at += 16
        if at + kept > len(data):  # it is still being written
            return
        if struct.unpack_from(">H", data, at)[0] == _IPV4:
            yield seconds + micro / 1e6, data[at + _COOKED : at + kept]
        at += kept


def request(packet: bytes) -> tuple[str, str] | None:
    """Who sent a request in it, and to whom; None: it has none."""
    start = (packet[0] & 15) * 4
    if packet[9] != _TCP:
        return None
    body = packet[start + (packet[start + 12] >> 4) * 4 :].removeprefix(_PREFACE)
    while len(body) >= _FRAME:
        length = int.from_bytes(body[:3], "big")
        if body[3] == _HEADERS:
            return ".".join(map(str, packet[12:16])), ".".join(map(str, packet[16:20]))
        body = body[_FRAME + length :]
    return None


def main() -> None:
    """Compare, and print a line a pod."""
    parser = argparse.ArgumentParser()
    parser.add_argument("packets", type=Path)
    parser.add_argument("watch", type=Path)
    parser.add_argument("--not", dest="probes", action="append", default=[], metavar="ADDRESS")
    args = parser.parse_args()
    first: dict[str, float] = {}
    for at, packet in packets(args.packets):
        who = request(packet)
        if who is not None and who[0] not in args.probes:
            first.setdefault(who[1], at)
    for service in json.loads(args.watch.read_text())["services"]:
        for pod in service["pods"]:
            if pod["came"]:
                told, seen = pod["first_request"], first.get(pod["ip"])
                print(f"{service['name']} {pod['name']}: {_words(told, seen)}")


def _words(told: dict[str, float] | None, seen: float | None) -> str:
    if told is None:
        return f"no first request is told; {'packets have one' if seen else 'packets have none'}"
    if seen is None:
        return "a first request is told, and packets have none"
    return f"{1000 * (told['at'] - seen):+.1f} ms, with a bound of {1000 * told['error']:.1f} ms"


if __name__ == "__main__":
    main()
