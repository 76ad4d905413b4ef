"""The file of a run: a DuckDB database that opens with plain SQL."""

import contextlib
import json
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final, Self

import duckdb

from lbstudy.observation.records import ClientTally, ServerTally
from lbstudy.platform.interface import Change
from lbstudy.store.errors import StoreError
from lbstudy.store.jsontext import dumps
from lbstudy.store.rows import (
    ChangeRow,
    ClientTallyRow,
    LookupRow,
    MetricRow,
    ResourceRow,
    ServerTallyRow,
    SpanRow,
)
from lbstudy.store.schema import (
    CLIENT_TALLIES,
    DNS_LOOKUPS,
    METRIC_POINTS,
    POD_CHANGES,
    RESOURCES,
    SCHEMA_VERSION,
    SERVER_TALLIES,
    SPANS,
    TABLES,
    VIEWS,
    Table,
)

# No extension is ever fetched from the network. While a run is on, the store leaves the cores to the run.
_CONFIG: Final = {"autoinstall_known_extensions": "false", "autoload_known_extensions": "false"}
_WRITER: Final = {**_CONFIG, "threads": "1"}
_READER: Final = {**_CONFIG, "threads": "2", "memory_limit": "512MB"}

Parameters = Mapping[str, object]


class RunStore:
    """One run's file. Methods may be called from any thread; each write is one transaction.

    Every method raises ``StoreError`` when the file cannot be read or written.

    Args:
        on_changes: called with what ``add_changes`` has stored, for a live view; must be quick.
    """

    def __init__(
        self,
        path: Path,
        connection: duckdb.DuckDBPyConnection,
        on_changes: Callable[[Sequence[Change]], None] | None = None,
    ) -> None:
        self.path = path
        self._connection = connection
        self._lock = threading.Lock()
        self._on_changes = on_changes

    @classmethod
    def create(cls, path: Path, on_changes: Callable[[Sequence[Change]], None] | None = None) -> Self:
        """Make a new, empty file. Raises StoreError when there is one already, or it cannot be written."""
        if path.exists():
            raise StoreError(f"{path}: cannot be created: there is a file of that name already")
        try:
            connection = duckdb.connect(path, config=dict(_WRITER))
        except duckdb.Error as error:
            raise StoreError.of(path, "cannot be created", error) from error
        store = cls(path, connection, on_changes)
        try:
            store.put_meta("schema_version", SCHEMA_VERSION, first=True)
        except StoreError:
            connection.close()
            path.unlink(missing_ok=True)
            raise
        return store

    @classmethod
    def open(cls, path: Path, *, read_only: bool = True) -> Self:
        """Open a run's file. Raises StoreError for no file, no store, or one of another version."""
        if not path.exists():
            raise StoreError(f"{path}: there is no such file; a run's store was expected")
        try:
            connection = duckdb.connect(path, read_only=read_only, config=dict(_READER))
        except duckdb.Error as error:
            raise StoreError.of(path, "cannot be opened as a run's store", error) from error
        found = _version(connection)
        if found != SCHEMA_VERSION:
            connection.close()
            what = "no run's store" if found is None else f"a run's store of schema version {found}"
            raise StoreError(f"{path}: is {what}; schema version {SCHEMA_VERSION} was expected")
        return cls(path, connection)

    def put_meta(self, key: str, value: object, *, first: bool = False) -> None:
        """Keep a value that JSON can hold under a key, in place of an earlier one."""

        def write(connection: duckdb.DuckDBPyConnection) -> None:
            if first:
                for table in TABLES:
                    connection.execute(table.create())
                for view in VIEWS:
                    connection.execute(view)
            connection.execute("INSERT OR REPLACE INTO meta VALUES (?, ?)", [key, dumps(value)])

        self._write(write)

    def meta(self, key: str) -> Any:  # noqa: ANN401 - whatever JSON holds
        """The value kept under a key; None when there is none."""
        rows = self.query("SELECT value FROM meta WHERE key = $key", {"key": key})
        return json.loads(rows[0][0]) if rows else None

    def add_resources(self, rows: Sequence[ResourceRow]) -> None:
        """Add senders of telemetry, before the first span or point that refers to them."""
        self._insert((RESOURCES, rows))

    def add_spans(self, rows: Sequence[SpanRow]) -> None:
        """Add spans."""
        self._insert((SPANS, rows))

    def add_metrics(self, rows: Sequence[MetricRow]) -> None:
        """Add points of metrics."""
        self._insert((METRIC_POINTS, rows))

    def add_telemetry(
        self, resources: Sequence[ResourceRow], spans: Sequence[SpanRow], metrics: Sequence[MetricRow]
    ) -> None:
        """Add all three in one transaction: all of it is stored, or nothing."""
        self._insert((RESOURCES, resources), (SPANS, spans), (METRIC_POINTS, metrics))

    def add_changes(self, changes: Sequence[Change]) -> None:
        """Add what the platform saw."""
        self._insert((POD_CHANGES, [ChangeRow.of(change) for change in changes]))
        if self._on_changes is not None:
            self._on_changes(changes)

    def add_client_tallies(self, setting: str, tallies: Iterable[ClientTally]) -> None:
        """Add what client programs counted."""
        self._insert((CLIENT_TALLIES, [ClientTallyRow.of(setting, tally) for tally in tallies]))

    def add_server_tallies(self, setting: str, tallies: Iterable[ServerTally]) -> None:
        """Add what server programs counted."""
        self._insert((SERVER_TALLIES, [ServerTallyRow.of(setting, tally) for tally in tallies]))

    def add_lookups(self, lookups: Iterable[LookupRow]) -> None:
        """Add the DNS server's log (``LookupRow.from_log`` makes rows of its lines)."""
        self._insert((DNS_LOOKUPS, list(lookups)))

    def query(self, sql: str, parameters: Parameters | None = None) -> list[tuple[Any, ...]]:
        """The rows that a statement gives; ``$name`` in it stands for ``parameters["name"]``."""
        with self._lock, self._errors("cannot be read"):
            return self._connection.execute(sql, dict(parameters or {})).fetchall()

    def columns(self, sql: str, parameters: Parameters | None = None) -> dict[str, Any]:
        """The result of a statement as numpy arrays, by column; masked where there are NULLs."""
        with self._lock, self._errors("cannot be read"):
            return self._connection.execute(sql, dict(parameters or {})).fetchnumpy()

    def close(self) -> None:
        """Write everything to the one file and close it. May be called twice."""
        with self._lock, self._errors("cannot be closed"):
            self._connection.close()

    def _insert(self, *parts: tuple[Table, Sequence[tuple[Any, ...]]]) -> None:
        filled = [(table, rows) for table, rows in parts if rows]
        if not filled:
            return
        statements = [(insert_statement(table), _columns_text(table, rows)) for table, rows in filled]

        def write(connection: duckdb.DuckDBPyConnection) -> None:
            for statement, text in statements:
                connection.execute(statement, [text])

        self._write(write)

    def _write(self, write: Callable[[duckdb.DuckDBPyConnection], None]) -> None:
        with self._lock, self._errors("cannot be written"):
            self._connection.execute("BEGIN")
            try:
                write(self._connection)
                self._connection.execute("COMMIT")
            except BaseException:
                # The rollback itself fails when DuckDB has given the file up; the first error tells why.
                with contextlib.suppress(duckdb.Error):
                    self._connection.execute("ROLLBACK")
                raise

    @contextlib.contextmanager
    def _errors(self, doing: str) -> Any:  # noqa: ANN401 - a generator of the context manager's own
        try:
            yield
        except duckdb.Error as error:
            raise StoreError.of(self.path, doing, error) from error


def insert_statement(table: Table) -> str:
    """The statement that inserts rows handed over as one JSON text, column by column.

    DuckDB takes a batch of 500 rows in 10 ms this way; as parameters, or as numpy objects, in some 1 s.
    """
    shape = {
        name: [[kind.removesuffix("[]")] if kind.endswith("[]") else kind.replace("JSON", "VARCHAR")]
        for name, kind in table.columns.items()
    }
    columns = ", ".join(f"unnest(batch.{name})" for name in table.columns)
    return (
        f"INSERT INTO {table.name} SELECT {columns} FROM "  # noqa: S608 - the schema's own names
        f"(SELECT json_transform_strict(?, '{json.dumps(shape)}') AS batch)"
    )


def _columns_text(table: Table, rows: Sequence[tuple[Any, ...]]) -> str:
    return dumps(dict(zip(table.columns, zip(*rows, strict=True), strict=True)))


def _version(connection: duckdb.DuckDBPyConnection) -> object:
    """The schema version that a file says it has; None when it is no run's store."""
    try:
        row = connection.execute("SELECT value FROM meta WHERE key = 'schema_version'").fetchone()
    except duckdb.Error:
        return None
    return None if row is None else json.loads(row[0])
