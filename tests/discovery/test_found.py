"""Which channels of channelz are the program's, read from one that is made by hand."""

import json
import time

from grpc_lb_instrumentor.discovery.channelz.watcher import ChannelzWatcher
from grpc_lb_instrumentor.records import SubchannelEvent

TARGET = "dns:///servers.test:1"


class ByHand:
    """Channels with one subchannel each; a subchannel's number is its channel's and 100."""

    def __init__(self) -> None:
        self.listed: dict[int, float] = {}  # channelz id → when it was made, s since the Unix epoch

    def channelz_get_top_channels(self, start_channel_id: int) -> bytes:
        channels = [
            {
                "ref": {"channelId": str(number)},
                "data": {"target": TARGET, "trace": {"creationTimestamp": _stamp(made)}},
                "subchannelRef": [{"subchannelId": str(number + 100)}],
            }
            for number, made in self.listed.items()
            if number >= start_channel_id
        ]
        return json.dumps({"channel": channels, "end": True}, separators=(",", ":")).encode()

    def channelz_get_channel(self, channel_id: int) -> bytes:
        return f'{{"subchannelId":"{channel_id + 100}"}}'.encode()

    def channelz_get_subchannel(self, subchannel_id: int) -> bytes:
        trace = {
            "creationTimestamp": _stamp(time.time()),
            "events": [
                {
                    "description": "Subchannel created",
                    "severity": "CT_INFO",
                    "timestamp": _stamp(time.time()),
                }
            ],
        }
        told = {"subchannel": {"ref": {"subchannelId": str(subchannel_id)}, "data": {"trace": trace}}}
        return json.dumps(told).encode()


def _stamp(at: float) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(at)) + f".{int(at % 1 * 1e9):09}Z"


def watched(source: ByHand) -> tuple[ChannelzWatcher, list[SubchannelEvent]]:
    events: list[SubchannelEvent] = []
    watcher = ChannelzWatcher(events.append, lambda _: None, lambda: None, source)
    watcher._start = lambda: None  # type: ignore[method-assign]  # no thread: looks are the test's
    return watcher, events


def test_a_channel_whose_number_was_passed_over_is_found() -> None:
    """channelz gives a number to a channel that is still being made, and lists it after its successor."""
    source = ByHand()
    watcher, events = watched(source)
    watcher.expect(0, TARGET, TARGET)
    watcher.expect(1, TARGET, TARGET)
    source.listed[29] = time.time()
    watcher.poll()
    assert {event.subchannel for event in events} == {129}
    source.listed[28] = time.time()
    watcher.poll(everything=True)
    assert {event.subchannel: event.channel for event in events} == {129: 0, 128: 1}


def test_a_channel_from_before_is_not_taken_for_one_that_is_expected() -> None:
    source = ByHand()
    source.listed[1] = time.time() - 60  # somebody else's, of the same target
    watcher, events = watched(source)
    watcher.expect(0, TARGET, TARGET)
    watcher._next_id = 2
    watcher.poll(everything=True)
    assert events == []
    source.listed[3] = time.time()
    watcher.poll(everything=True)
    watcher.expect(1, TARGET, TARGET)
    watcher.poll(everything=True)  # nor one that was matched already
    assert {event.subchannel: event.channel for event in events} == {103: 0}
