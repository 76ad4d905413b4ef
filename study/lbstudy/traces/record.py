"""Writes what a run knows beside its telemetry to its store."""

from lbstudy.store.database import RunStore
from lbstudy.traces.facts import RunFacts


def record(facts: RunFacts, store: RunStore) -> None:
    """Add everything but the description to the store. Raises StoreError if it cannot be written."""
    store.add_changes(facts.changes)
    for setting, clients in facts.client_tallies.items():
        store.add_client_tallies(setting, clients)
    for setting, servers in facts.server_tallies.items():
        store.add_server_tallies(setting, servers)
    store.add_lookups(facts.lookups)
    store.add_connections(facts.connections)
    store.add_load(facts.busy, facts.decisions)
