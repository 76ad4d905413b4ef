"""The single RPCs of one watched Service, as a report needs them: compact, and of bounded number. Pure.

An RPC has a row, whichever of its two spans comes first; the other one completes it. Who answered is decided
as ``observation.answers`` has it, span by span.
"""

from array import array
from collections import Counter, OrderedDict
from typing import Final

import numpy as np
from numpy.typing import NDArray

from lbstudy.observation.known import Observer
from lbstudy.observation.records import NO_SERVER, UNKNOWN_SERVER, RpcTable, ServedTable, SpanRef, StreamTable
from lbstudy.watch.evidence import RpcSeen

MOST: Final = 1_000_000
"""RPCs that are kept, the newest."""
_CHUNK: Final = 65_536  # so many are dropped at a time
_WAITING: Final = 20_000  # RPCs whose other span may still come
_REFS: Final = 20_000  # spans of first answers that can be looked up
_FAILURES: Final = 50  # likewise of failed RPCs, the first ones
_STREAMS: Final = 100_000  # the newest; of older ones it is forgotten that they are streams
_OK: Final = 0
_NO_CODE: Final = -1
_CLIENTS_OWN: Final = frozenset({1, 4})  # CANCELLED, DEADLINE_EXCEEDED: nobody told the client
_MADE_BY_CLIENTS: Final = frozenset({1, 4, 14})  # the peer need not have said anything
_BY: Final = (Observer.POD_NAME, Observer.JOINED, Observer.PEER, Observer.SERVER_SPANS)
_NAMED, _JOINED, _PEER, _SERVER_ALONE = range(4)
_NOBODY: Final = -1
OTHERS: Final = 0
"""The client that stands for all of which nothing tells but the servers' spans."""


class RecentRpcs:
    """The newest RPCs.

    Args:
        most: so many are kept.
    """

    def __init__(self, most: int = MOST) -> None:
        self._most = most
        self._start, self._end = array("d"), array("d")
        self._code, self._by, self._answered = array("b"), array("b"), array("b")
        self._server, self._client = array("i"), array("i")
        self._served_code, self._served_by = array("b"), array("i")  # by the server's own span
        self._dropped = 0
        self._waiting: OrderedDict[str, int] = OrderedDict()  # the client's span → its row
        self._refs: OrderedDict[int, SpanRef] = OrderedDict()  # row → its span
        self._first: dict[tuple[int, int], float] = {}  # (server, client) → the first good answer
        self._failures = 0
        self._streams: OrderedDict[int, tuple[str, float]] = OrderedDict()  # row → kind, first message
        self.complete_since: float | None = None
        """The start of the newest RPC that was dropped; None: all are there."""

    def __len__(self) -> int:
        return len(self._start)

    def add(self, call: RpcSeen, server: int, client: int) -> None:
        """Take in what a span tells.

        Args:
            call: the span.
            server: the index of the pod that it names, or UNKNOWN_SERVER.
            client: the index of the client whose span it is, or OTHERS.
        """
        row = self._waiting.get(call.key)
        if row is not None and row < self._dropped:
            row = None
        if call.is_client:
            self._of_client(call, server, client, row)
        else:
            self._of_server(call, server, row)
        self._drop()

    def awaits(self, key: str) -> bool:
        """Whether the server's span of an RPC has come, and its client's has not."""
        row = self._waiting.get(key)
        return row is not None and row >= self._dropped and self._by[row - self._dropped] == _SERVER_ALONE

    def _of_client(self, call: RpcSeen, server: int, client: int, row: int | None) -> None:
        by = _NOBODY
        code = _NO_CODE if call.code is None else call.code
        if server >= 0:
            by = _PEER if call.pod is not None and _is_address(call.pod) else _NAMED
            if by == _PEER and code in _MADE_BY_CLIENTS:
                server, by = UNKNOWN_SERVER, _NOBODY
        elif call.answered is False:
            server = NO_SERVER
        if row is None:
            self._stream(self._append(call, code, server, client, by), call)
            return
        i = row - self._dropped
        if self._by[i] != _SERVER_ALONE:
            return  # it has been told already
        self._stream(row, call)
        if by != _NAMED and self._joins(code, self._code[i]):
            server, by = self._server[i], _JOINED
        elif by != _NAMED and code != _OK:
            server, by = NO_SERVER, _NOBODY
        self._start[i], self._end[i], self._code[i] = call.start, call.end, code
        self._server[i], self._client[i], self._by[i] = server, client, by
        self._answered[i] = _flag(call.answered)
        self._look_up(row, SpanRef(call.trace, call.key))

    def _stream(self, row: int, call: RpcSeen) -> None:
        if call.stream:
            first = float("nan") if call.first_message is None else call.first_message
            self._streams[row] = call.stream, first
            if len(self._streams) > _STREAMS:
                self._streams.popitem(last=False)

    def _of_server(self, call: RpcSeen, server: int, row: int | None) -> None:
        code = _OK if call.code is None else call.code
        if row is None:
            row = self._append(call, code, server, OTHERS, _SERVER_ALONE)
        i = row - self._dropped
        self._served_code[i], self._served_by[i] = code, server
        if self._by[i] in (_NAMED, _SERVER_ALONE):
            return
        if self._joins(self._code[i], code):
            self._server[i], self._by[i] = server, _JOINED
        elif self._code[i] != _OK:
            self._server[i], self._by[i] = NO_SERVER, _NOBODY
        self._look_up(row, SpanRef(call.trace, call.key))

    def _joins(self, client: int, server: int) -> bool:
        """Whether the server's span shows that the client got its answer."""
        return client in (_OK, _NO_CODE) or (client == server and client not in _CLIENTS_OWN)

    def _append(self, call: RpcSeen, code: int, server: int, client: int, by: int) -> int:
        row = self._dropped + len(self._start)
        self._start.append(call.start)
        self._end.append(call.end)
        self._code.append(code)
        self._server.append(server)
        self._client.append(client)
        self._by.append(by)
        self._answered.append(_flag(call.answered))
        self._served_code.append(_NO_CODE)
        self._served_by.append(UNKNOWN_SERVER)
        self._waiting[call.key] = row
        if len(self._waiting) > _WAITING:
            self._waiting.popitem(last=False)
        self._look_up(row, SpanRef(call.trace, call.span))
        return row

    def _look_up(self, row: int, ref: SpanRef) -> None:
        """Keep the span of a first answer, or of one of the first failures."""
        i = row - self._dropped
        if self._code[i] > _OK:
            if self._failures < _FAILURES and row not in self._refs:
                self._failures += 1
                self._refs[row] = ref
        elif self._server[i] >= 0:
            pair = self._server[i], self._client[i]
            if self._end[i] < self._first.get(pair, float("inf")):
                if len(self._first) < _REFS or pair in self._first:
                    self._first[pair] = self._end[i]
                self._refs[row] = ref
        while len(self._refs) > _REFS:
            self._refs.popitem(last=False)

    def _drop(self) -> None:
        if len(self._start) < self._most + _CHUNK:
            return
        self.complete_since = max([*self._start[:_CHUNK], self.complete_since or 0.0])
        for column in (
            self._start,
            self._end,
            self._code,
            self._by,
            self._answered,
            self._server,
            self._client,
            self._served_code,
            self._served_by,
        ):
            del column[:_CHUNK]
        self._dropped += _CHUNK
        for row in [row for row in self._refs if row < self._dropped]:
            del self._refs[row]

    # --- at the end -----------------------------------------------------------------------------------

    def table(self, zero: float, end: float) -> tuple[RpcTable, dict[int, SpanRef]]:
        """The RPCs that began and ended within the watch, instants from ``zero`` on, and spans by ``ref``."""
        start, ended = np.array(self._start), np.array(self._end)
        order = np.argsort(start, kind="stable")
        order = order[(start[order] >= zero) & (ended[order] <= end)]
        server = self._servers()[order]
        code = np.maximum(np.array(self._code, dtype=np.int16), _OK)[order]
        ref = order + self._dropped
        return (
            RpcTable(
                scheduled=np.full(len(order), np.nan),
                sent=start[order] - zero,
                ended=ended[order] - zero,
                code=code,
                server=server,
                told=np.array(self._by, dtype=np.int8)[order] == _NAMED,
                client=np.array(self._client, dtype=np.int32)[order],
                ref=ref.astype(np.int64),
            ),
            dict(self._refs),
        )

    def served(self) -> ServedTable:
        """How the same RPCs ended, as the servers' spans say; their instants are not kept."""
        code = np.array(self._served_code, dtype=np.int16)
        is_told = code != _NO_CODE
        unknown = np.full(int(is_told.sum()), np.nan)
        return ServedTable(
            started=unknown,
            ended=unknown,
            code=code[is_told],
            server=np.array(self._served_by, dtype=np.int32)[is_told],
            superseded=np.zeros(len(unknown), dtype=np.bool_),
        )

    def of_clients(self) -> Counter[int]:
        """RPCs by client."""
        return Counter(self._client)

    def streams(self, rpcs: RpcTable, zero: float) -> StreamTable:
        """Which of these RPCs are streams."""
        kept = [
            (row, self._streams[ref]) for row, ref in enumerate(rpcs.ref.tolist()) if ref in self._streams
        ]
        return StreamTable(
            row=np.array([row for row, _ in kept], dtype=np.int64),
            kind=tuple(kind for _, (kind, _) in kept),
            first=np.array([first - zero for _, (_, first) in kept], dtype=np.float64),
        )

    def by(self) -> dict[Observer, int]:
        """RPCs by who told who answered them."""
        counts = Counter(self._by)
        return {observer: counts[number] for number, observer in enumerate(_BY) if counts[number]}

    def _servers(self) -> NDArray[np.int32]:
        server = np.array(self._server, dtype=np.int32)
        by, code = np.array(self._by, dtype=np.int8), np.array(self._code, dtype=np.int8)
        answered = np.array(self._answered, dtype=np.int8)
        if np.isin(by, (_NAMED, _JOINED)).any():
            # Servers tell, and none of this failed RPC: it got to none.
            server[(server == UNKNOWN_SERVER) & (code > _OK) & (answered != 1)] = NO_SERVER
        return server


def _flag(answered: bool | None) -> int:
    return -1 if answered is None else int(answered)


def _is_address(pod: str) -> bool:
    return ":" in pod or all(part.isdecimal() for part in pod.split("."))
