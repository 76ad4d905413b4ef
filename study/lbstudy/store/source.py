"""A run's own store as a source of observations."""

from collections.abc import Sequence
from pathlib import Path
from typing import Final, Self

import numpy as np
from grpc_lb_instrumentor import names

from lbstudy.config.notes import DEFAULT_MIN_INTERVAL_MS, MIN_INTERVAL
from lbstudy.observation.asked import updates_of
from lbstudy.observation.attributes import client_deployment
from lbstudy.observation.known import Observer, Part, Seen
from lbstudy.observation.records import DnsLookup, Lane, ScalingAims
from lbstudy.observation.tallies import ClientTally, ServerTally, read_tally
from lbstudy.observation.witness import Evidence, known
from lbstudy.result.model import Provenance
from lbstudy.result.source import Expected, SettingInfo, Source
from lbstudy.store import learned
from lbstudy.store.busy import busy_table, decisions
from lbstudy.store.database import RunStore
from lbstudy.store.description import DescribedAutoscaler, DescribedSetting, read_description
from lbstudy.store.errors import StoreError
from lbstudy.store.forwarded import read_forwarded
from lbstudy.store.pods import SeenChange, read_changes, read_faults
from lbstudy.store.streams import delivered_table, given, stream_table
from lbstudy.store.tables import (
    RPC_SPANS,
    metered,
    rpc_table,
    rpcs_of_servers,
    said,
    served_table,
    span_refs,
    usage_table,
)

_NANO: Final = 1e9

_CLIENTS: Final = f"""
SELECT DISTINCT coalesce(pod, '') AS pod, coalesce(channel_id, 0) AS channel FROM spans
WHERE (kind = 'client' AND {RPC_SPANS}) OR (setting = $setting AND name IN ($update, $subchannel))
ORDER BY ALL
"""  # noqa: S608 - a constant of this module


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
            SettingInfo(
                setting.name,
                setting.description,
                setting.options,
                tuple(setting.not_applied),
                tuple(setting.incidents),
            )
            for setting in self._description.settings
        ]

    def expectations(self) -> list[Expected]:
        """What the scenario expects."""
        return self._description.expectations

    def lanes(self) -> list[Lane]:
        """Everything observed, one lane a setting."""
        return [self._lane(setting) for setting in self._description.settings]

    def _lane(self, setting: DescribedSetting) -> Lane:
        changes = self._changes(setting)
        commands, pods = read_changes(changes)
        servers = tuple(pod.name for pod in pods)
        clients = self._clients(setting)
        index = {(pod, channel): i for i, (pod, channel) in enumerate(clients)}
        rpcs, answers = rpc_table(self._store, setting.name, self._zero, pods, clients)
        served = served_table(self._store, setting.name, self._zero, servers)
        lookups = self._lookups(setting.deployment)
        asked = updates_of(lookups, self._askers(setting, clients))
        updates, pushes = (
            learned.updates(self._store, self._seconds, setting.name, index),
            learned.pushes(self._store, self._seconds, index),
        )
        transitions = learned.transitions(self._store, self._seconds, setting.name, index)
        connections, every = learned.connections(self._store, self._seconds, clients)
        client_tallies, server_tallies = (
            self._client_tallies(setting.name),
            self._server_tallies(setting.name),
        )
        evidence = Evidence(
            instrumented=self._is_instrumented(setting),
            servers_instrumented=setting.servers_instrumented,
            client_spans=len(rpcs),
            due_told=not np.isnan(rpcs.scheduled).all(),
            server_spans=len(served),
            client_tallies=len(client_tallies),
            server_tallies=sum(tally.by_code is not None for tally in server_tallies),
            ended_well=self._ended_well(setting),
            answers=answers.by,
            unknown=answers.unknown,
            updates=len(updates),
            pushes=len(pushes),
            lookups=len(asked),
            lookups_known=self._description.lookups_known,
            transitions=len(transitions),
            connections_every=every,
        )
        parts = known(evidence)
        if not len(rpcs) and _is_by(parts.rpcs, Observer.SERVER_SPANS):
            rpcs = rpcs_of_servers(self._store, setting.name, self._zero, servers)
        if _is_by(parts.updates, Observer.DNS_LOG):
            updates = asked
        streams = stream_table(self._store, setting.name, self._zero, rpcs)
        return Lane(
            setting=setting.name,
            end=self._description.provenance.duration,
            servers=servers,
            clients=tuple(f"client-{i}" for i in range(len(clients))),
            known=parts,
            said=said(self._store, setting.name),
            commands=commands,
            pods=pods,
            rpcs=rpcs,
            served=served,
            updates=updates or pushes,
            transitions=tuple(connections) if _is_by(parts.connections, Observer.KERNEL) else transitions,
            usage=usage_table(self._store, setting.name, self._zero, servers),
            client_tallies=client_tallies,
            server_tallies=server_tallies,
            lookups=lookups,
            lookups_known=evidence.lookups_known,
            faults=read_faults(changes, self._description.fault_kinds),
            span_refs=span_refs(self._store, rpcs, streams),
            client_usage=usage_table(
                self._store, setting.name, self._zero, sorted({pod for pod, _ in clients})
            ),
            forwarded=read_forwarded(self._store),
            metered=metered(self._store, setting.name),
            streams=streams,
            delivered=delivered_table(self._store, setting.name, self._zero, servers),
            given=given(self._store, setting.name),
            resolution_interval=_resolution_interval(setting),
            busy=busy_table(self._store, setting.name, self._zero, servers),
            decisions=decisions(self._store, setting.name, self._zero),
            aims=_aims(self._description.autoscaler),
        )

    def _clients(self, setting: DescribedSetting) -> list[tuple[str, int]]:
        """The clients: a pod and its channel's number; a process, where no channel tells of itself."""
        clients = self._store.query(
            _CLIENTS,
            {
                "setting": setting.name,
                "update": names.SPAN_RESOLVER_UPDATE,
                "subchannel": names.SPAN_SUBCHANNEL,
            },
        )
        if clients:
            return [(pod, channel) for pod, channel in clients]
        counted = self._store.query(
            "SELECT DISTINCT client FROM client_tallies WHERE setting = $setting ORDER BY client",
            {"setting": setting.name},
        )
        pods = counted or self._store.query(
            "SELECT DISTINCT pod FROM pod_changes WHERE deployment = $deployment AND pod IS NOT NULL "
            "ORDER BY pod",
            {"deployment": client_deployment(setting.name)},
        )
        return [(pod, 0) for (pod,) in pods]

    def _askers(self, setting: DescribedSetting, clients: Sequence[tuple[str, int]]) -> dict[str, int]:
        """The DNS server's address that a process was given → its client; "" is any address.

        Empty where processes have several clients each: which of them asked does not show.
        """
        pods = [pod for pod, _ in clients]
        if len(set(pods)) < len(pods):
            return {}
        if len(pods) == 1:
            return {"": 0}
        rows = self._store.query(
            "SELECT pod, detail FROM pod_changes WHERE deployment = $deployment AND kind = 'created'",
            {"deployment": client_deployment(setting.name)},
        )
        return {authority: pods.index(pod) for pod, authority in rows if authority and pod in pods}

    def _is_instrumented(self, setting: DescribedSetting) -> bool:
        """Whether our instrumentor is in the client: as the run says, else by what is there."""
        if setting.instrumented is not None:
            return setting.instrumented
        instrumented = self._store.query(
            "SELECT (SELECT count(channel_id) FROM spans WHERE setting = $setting AND kind != 'server'), "
            "(SELECT count(*) FROM pod_changes)",
            {"setting": setting.name},
        )
        channels, changes = instrumented[0]
        return channels > 0 or not changes  # without any change the run has not ended: much may be missing

    def _ended_well(self, setting: DescribedSetting) -> bool:
        """Whether every process of the client ended by itself, and had nothing to complain of."""
        rows = self._store.query(
            "SELECT detail FROM pod_changes WHERE deployment = $deployment AND kind = 'exited'",
            {"deployment": client_deployment(setting.name)},
        )
        return bool(rows) and all(status == "0" for (status,) in rows)

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

    def _client_tallies(self, setting: str) -> tuple[ClientTally, ...]:
        rows = self._store.records(
            "SELECT * FROM client_tallies WHERE setting = $setting ORDER BY client", {"setting": setting}
        )
        return tuple(read_tally(ClientTally, row) for row in rows)

    def _server_tallies(self, setting: str) -> tuple[ServerTally, ...]:
        rows = self._store.records(
            "SELECT * FROM server_tallies WHERE setting = $setting", {"setting": setting}
        )
        return tuple(read_tally(ServerTally, row) for row in rows)

    def _lookups(self, service: str) -> tuple[DnsLookup, ...]:
        authority = "coalesce(authority, '')" if self._store.has("dns_lookups", "authority") else "''"
        rows = self._store.query(
            f"SELECT at_unix_nano, name, qtype, rcode, addresses, peer, {authority} FROM dns_lookups "  # noqa: S608 - ours
            "WHERE starts_with(name, $service || '.') ORDER BY at_unix_nano",
            {"service": service},
        )
        return tuple(
            DnsLookup(self._seconds(at), name, qtype, rcode, frozenset(addresses), peer, asked)
            for at, name, qtype, rcode, addresses, peer, asked in rows
        )

    def _seconds(self, unix_nano: int) -> float:
        return (unix_nano - self._zero) / _NANO


def _aims(autoscaler: DescribedAutoscaler | None) -> ScalingAims | None:
    if autoscaler is None:
        return None
    return ScalingAims(
        autoscaler.target, autoscaler.tolerance, autoscaler.latency_target, autoscaler.load_falls
    )


def _is_by(part: Part, observer: Observer) -> bool:
    return isinstance(part, Seen) and part.by is observer


def _resolution_interval(setting: DescribedSetting) -> float:
    """Seconds between the starts of two resolutions: as the setting says, or gRPC's default."""
    interval = setting.options.get("channel", {}).get(MIN_INTERVAL)
    return (DEFAULT_MIN_INTERVAL_MS if interval is None else float(interval)) / 1000
