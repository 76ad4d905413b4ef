"""A run's own store as a source of observations."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final, Self

from grpc_lb_instrumentor import names

from lbstudy.observation.push import read_push
from lbstudy.observation.records import (
    ClientTally,
    DnsLookup,
    Lane,
    ServerTally,
    SpanRef,
    Transition,
    Update,
)
from lbstudy.observation.source import Expected, SettingInfo, Source
from lbstudy.observation.transitions import in_order
from lbstudy.result.model import Provenance
from lbstudy.store.database import RunStore
from lbstudy.store.description import DescribedSetting, read_description
from lbstudy.store.errors import StoreError
from lbstudy.store.forwarded import read_forwarded
from lbstudy.store.pods import SeenChange, read_changes, read_faults
from lbstudy.store.tables import RPC_SPANS, metered, rpc_table, served_table, span_refs, usage_table

_NANO: Final = 1e9

_CLIENTS: Final = f"""
SELECT DISTINCT coalesce(pod, '') AS pod, coalesce(channel_id, 0) AS channel FROM spans
WHERE (kind = 'client' AND {RPC_SPANS}) OR (setting = $setting AND name IN ($update, $subchannel))
ORDER BY ALL
"""  # noqa: S608 - a constant of this module

_EVENTS: Final = """
SELECT coalesce(pod, ''), coalesce(channel_id, 0), start_unix_nano, end_unix_nano, attributes,
    trace_id, span_id
FROM spans WHERE setting = $setting AND name = $name ORDER BY end_unix_nano, start_unix_nano
"""

_PUSHES: Final = """
SELECT start_unix_nano, end_unix_nano, attributes, trace_id, span_id
FROM spans WHERE name = $name ORDER BY end_unix_nano, start_unix_nano
"""


class StoreSource(Source):
    """Reads a run's file. Every method raises StoreError when the file cannot be read.

    Args:
        path: the file.
        store: where it is open already; it is left open then.
    """

    def __init__(self, path: str | Path, *, store: RunStore | None = None) -> None:
        self._owned = store is None
        self._store = store if store is not None else RunStore.open(Path(path))
        try:
            self._description = read_description(self._store)
        except StoreError:
            self.close()
            raise
        self._zero = self._description.time_zero_unix_nano

    @classmethod
    def of(cls, store: RunStore) -> Self:
        """Read an open store, and leave it open."""
        return cls(store.path, store=store)

    @property
    def time_zero_unix_nano(self) -> int:
        """Time zero of all instants, in nanoseconds since the Unix epoch."""
        return self._zero

    def close(self) -> None:
        """Close the file if it was opened here."""
        if self._owned:
            self._store.close()

    def provenance(self) -> Provenance:
        """What was run, where and with what."""
        return self._description.provenance

    def settings(self) -> list[SettingInfo]:
        """The settings that ran side by side."""
        return [
            SettingInfo(setting.name, setting.description, setting.options)
            for setting in self._description.settings
        ]

    def expectations(self) -> list[Expected]:
        """What the scenario expects."""
        return [
            Expected(expected.setting, expected.measure, expected.at_least, expected.at_most)
            for expected in self._description.expectations
        ]

    def lanes(self) -> list[Lane]:
        """Everything observed, one lane a setting."""
        return [self._lane(setting) for setting in self._description.settings]

    def _lane(self, setting: DescribedSetting) -> Lane:
        changes = self._changes(setting)
        commands, pods = read_changes(changes)
        servers = tuple(pod.name for pod in pods)
        clients = self._store.query(
            _CLIENTS,
            {
                "setting": setting.name,
                "update": names.SPAN_RESOLVER_UPDATE,
                "subchannel": names.SPAN_SUBCHANNEL,
            },
        )
        index = {(pod, channel): i for i, (pod, channel) in enumerate(clients)}
        rpcs = rpc_table(self._store, setting.name, self._zero, servers, clients)
        return Lane(
            setting=setting.name,
            end=self._description.provenance.duration,
            servers=servers,
            clients=tuple(f"client-{i}" for i in range(len(clients))),
            commands=commands,
            pods=pods,
            rpcs=rpcs,
            served=served_table(self._store, setting.name, self._zero, servers),
            updates=self._updates(setting.name, index) or self._pushes(index),
            transitions=self._transitions(setting.name, index),
            usage=usage_table(self._store, setting.name, self._zero, servers),
            client_tallies=self._client_tallies(setting.name),
            server_tallies=self._server_tallies(setting.name),
            lookups=self._lookups(setting.deployment),
            lookups_known=not self._description.provenance.platform.startswith("kubernetes"),
            faults=read_faults(changes),
            span_refs=span_refs(self._store, rpcs),
            client_usage=usage_table(
                self._store, setting.name, self._zero, sorted({pod for pod, _ in clients})
            ),
            forwarded=read_forwarded(self._store),
            metered=metered(self._store, setting.name),
        )

    def _changes(self, setting: DescribedSetting) -> list[SeenChange]:
        rows = self._store.query(
            "SELECT at_unix_nano, kind, pod, address, detail, error FROM pod_changes "
            "WHERE deployment = $deployment",
            {"deployment": setting.deployment},
        )
        return [
            SeenChange(self._seconds(at), kind, pod, address, detail, error)
            for at, kind, pod, address, detail, error in rows
        ]

    def _updates(self, setting: str, clients: dict[tuple[str, int], int]) -> tuple[Update, ...]:
        found = []
        for row in self._events(setting, names.SPAN_RESOLVER_UPDATE):
            pod, channel, start, end, text, trace, span = row
            values = json.loads(text)
            found.append(
                Update(
                    client=clients[pod, channel],
                    started=self._seconds(start),
                    ended=self._seconds(end),
                    outcome=str(values.get(names.RESOLVER_OUTCOME, "")),
                    cause=str(values.get(names.RESOLVER_CAUSE, "")),
                    addresses=frozenset(values.get(names.RESOLVER_ADDRESSES) or ()),
                    added=frozenset(values.get(names.RESOLVER_ADDED) or ()),
                    removed=frozenset(values.get(names.RESOLVER_REMOVED) or ()),
                    ref=SpanRef(trace, span),
                )
            )
        return tuple(found)

    def _pushes(self, clients: dict[tuple[str, int], int]) -> tuple[Update, ...]:
        """What a control plane told the clients, each as an update at the instant of the client's ACK.

        A client process follows the control plane once, for all its channels.
        """
        rows = self._store.query(_PUSHES, {"name": names.SPAN_PUSH})
        channels: dict[str, list[int]] = {}
        for (pod, _), client in clients.items():
            channels.setdefault(pod, []).append(client)
        found = []
        for start, end, text, trace, span in rows:
            push = read_push(json.loads(text))
            if push is not None:
                found += [
                    push.update(client, self._seconds(start), self._seconds(end), SpanRef(trace, span))
                    for client in channels.get(push.node, ())
                ]
        return tuple(found)

    def _transitions(self, setting: str, clients: dict[tuple[str, int], int]) -> tuple[Transition, ...]:
        found = []
        for row in self._events(setting, names.SPAN_SUBCHANNEL):
            pod, channel, start, _, text, trace, span = row
            values = json.loads(text)
            found.append(
                Transition(
                    client=clients[pod, channel],
                    subchannel=int(values.get(names.SUBCHANNEL_ID, -1)),
                    address=_address(values),
                    state=str(values.get(names.SUBCHANNEL_STATE, "")),
                    at=self._seconds(start),
                    ref=SpanRef(trace, span),
                )
            )
        return in_order(found)

    def _events(self, setting: str, name: str) -> Sequence[tuple[Any, ...]]:
        return self._store.query(_EVENTS, {"setting": setting, "name": name})

    def _client_tallies(self, setting: str) -> tuple[ClientTally, ...]:
        rows = self._store.query(
            "SELECT * EXCLUDE (setting) FROM client_tallies WHERE setting = $setting ORDER BY client",
            {"setting": setting},
        )
        return tuple(
            ClientTally(client, scheduled, sent, not_sent, json.loads(by_code), json.loads(by_server), *rest)
            for client, scheduled, sent, not_sent, by_code, by_server, *rest in rows
        )

    def _server_tallies(self, setting: str) -> tuple[ServerTally, ...]:
        rows = self._store.query(
            "SELECT server, by_code FROM server_tallies WHERE setting = $setting", {"setting": setting}
        )
        return tuple(
            ServerTally(server, None if by_code is None else json.loads(by_code)) for server, by_code in rows
        )

    def _lookups(self, service: str) -> tuple[DnsLookup, ...]:
        rows = self._store.query(
            "SELECT at_unix_nano, name, qtype, rcode, addresses, peer FROM dns_lookups "
            "WHERE starts_with(name, $service || '.') ORDER BY at_unix_nano",
            {"service": service},
        )
        return tuple(
            DnsLookup(self._seconds(at), name, qtype, rcode, frozenset(addresses), peer)
            for at, name, qtype, rcode, addresses, peer in rows
        )

    def _seconds(self, unix_nano: int) -> float:
        return (unix_nano - self._zero) / _NANO


def _address(values: dict[str, Any]) -> str:
    """The peer as one text, "127.0.1.2:50051" or "[::1]:50051"."""
    host = str(values.get(names.NETWORK_PEER_ADDRESS, ""))
    port = values.get(names.NETWORK_PEER_PORT)
    if port is None:
        return host
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
