"""The file of a run: a DuckDB database that can be read with plain SQL."""

import contextlib
import json
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final, Self

import duckdb

from lbstudy.observation.tallies import ClientTally, ServerTally, flat
from lbstudy.platform.interface import Change
from lbstudy.store.errors import StoreError
from lbstudy.store.jsontext import dumps
from lbstudy.store.rows import (
    BusyRow,
    ChangeRow,
    ConnectionRow,
    DecisionRow,
    LookupRow,
    MetricRow,
    ResourceRow,
    SpanRow,
)
from lbstudy.store.schema import (
    CLIENT_TALLIES,
    CONNECTIONS,
    DECISIONS,
    DNS_LOOKUPS,
    METRIC_POINTS,
    POD_CHANGES,
    RESOURCES,
    SCHEMA_VERSION,
    SERVER_BUSY,
    SERVER_TALLIES,
    SPANS,
    TABLES,
    VIEWS,
    StoreTable,
)

# Extensions are never downloaded. During a run, the store leaves the cores to the run.
_CONFIG: Final = {"autoinstall_known_extensions": "false", "autoload_known_extensions": "false"}
_WRITER: Final = {**_CONFIG, "threads": "1"}
_READER: Final = {**_CONFIG, "threads": "2", "memory_limit": "512MB"}

Parameters = Mapping[str, object]


class RunStore:
    """One run's file. Methods may be called from any thread; each write is one transaction.

    Every method raises ``StoreError`` if the file cannot be read or written.
    """

    def __init__(self, path: Path, connection: duckdb.DuckDBPyConnection) -> None:
        self.path = path
        self._connection = connection
        self._lock = threading.Lock()

    @classmethod
    def create(cls, path: Path) -> Self:
        """Make a new, empty file. Raises StoreError if there is one already, or it cannot be written."""
        if path.exists():
            raise StoreError(f"{path}: cannot be created: there is a file of that name already")
        try:
            connection = duckdb.connect(path, config=dict(_WRITER))
        except duckdb.Error as error:
            raise StoreError.of(path, "cannot be created", error) from error
        store = cls(path, connection)
        try:
            store.put_meta("schema_version", SCHEMA_VERSION, first=True)
        except StoreError:
            connection.close()
            path.unlink(missing_ok=True)
            raise
        return store

    @classmethod
    def open(cls, path: Path, *, read_only: bool = True) -> Self:
        """Open a run's file. Raises StoreError if there is none, it is no store, or of another version."""
        if not path.exists():
            raise StoreError(f"{path}: there is no such file; a run's store was expected")
        try:
            connection = duckdb.connect(path, read_only=read_only, config=dict(_READER))
        except duckdb.Error as error:
            raise StoreError.of(path, "cannot be opened as a run's store", error) from error
        found_version = _version(connection)
        if found_version != SCHEMA_VERSION:
            connection.close()
            what = (
                "no run's store"
                if found_version is None
                else f"a run's store of schema version {found_version}"
            )
            raise StoreError(f"{path}: is {what}; schema version {SCHEMA_VERSION} was expected")
        return cls(path, connection)

    def put_meta(self, key: str, value: object, *, first: bool = False) -> None:
        """Store a JSON value under a key; it replaces an earlier one unless ``first``."""

        def write(connection: duckdb.DuckDBPyConnection) -> None:
            if first:
                for table in TABLES:
                    connection.execute(table.create())
                for view in VIEWS:
                    connection.execute(view)
            connection.execute("INSERT OR REPLACE INTO meta VALUES (?, ?)", [key, dumps(value)])

        self._write(write)

    def meta(self, key: str) -> Any:  # noqa: ANN401 - whatever JSON holds
        """Return the value stored under a key; None if there is none."""
        rows = self.query("SELECT value FROM meta WHERE key = $key", {"key": key})
        return json.loads(rows[0][0]) if rows else None

    def add_telemetry(
        self,
        resources: Sequence[ResourceRow] = (),
        spans: Sequence[SpanRow] = (),
        metrics: Sequence[MetricRow] = (),
    ) -> None:
        """Add spans, points of metrics, and their resources, in one transaction: everything or nothing."""
        self._insert((RESOURCES, resources), (SPANS, spans), (METRIC_POINTS, metrics))

    def add_changes(self, changes: Sequence[Change]) -> None:
        """Add what the platform saw."""
        self._insert((POD_CHANGES, [ChangeRow.of(change) for change in changes]))

    def add_client_tallies(self, setting: str, tallies: Iterable[ClientTally]) -> None:
        """Add what client programs counted."""
        self._insert((CLIENT_TALLIES, [(setting, *flat(tally).values()) for tally in tallies]))

    def add_server_tallies(self, setting: str, tallies: Iterable[ServerTally]) -> None:
        """Add what server programs counted."""
        self._insert((SERVER_TALLIES, [(setting, *flat(tally).values()) for tally in tallies]))

    def add_lookups(self, lookups: Iterable[LookupRow]) -> None:
        """Add the DNS server's log (``LookupRow.from_log`` makes rows from its lines)."""
        self._insert((DNS_LOOKUPS, list(lookups)))

    def add_connections(self, connections: Iterable[ConnectionRow]) -> None:
        """Add what the kernel showed of the clients' connections."""
        self._insert((CONNECTIONS, list(connections)))

    def add_load(self, busy: Iterable[BusyRow], decisions: Iterable[DecisionRow]) -> None:
        """Add how busy the servers were, and the autoscaler's decisions."""
        self._insert((SERVER_BUSY, list(busy)), (DECISIONS, list(decisions)))

    def has(self, table: str, column: str) -> bool:
        """Return whether the file has a column: files of earlier versions lack some."""
        return bool(
            self.query(
                "SELECT 1 FROM duckdb_columns() WHERE table_name = $table AND column_name = $column",
                {"table": table, "column": column},
            )
        )

    def query(self, sql: str, parameters: Parameters | None = None) -> list[tuple[Any, ...]]:
        """Return the rows of a statement; ``$name`` in it stands for ``parameters["name"]``."""
        with self._lock, self._errors("cannot be read"):
            return self._connection.execute(sql, dict(parameters or {})).fetchall()

    def records(self, sql: str, parameters: Parameters | None = None) -> list[dict[str, Any]]:
        """Return the rows of a statement, each as column → value."""
        with self._lock, self._errors("cannot be read"):
            cursor = self._connection.execute(sql, dict(parameters or {}))
            names = [column[0] for column in cursor.description or ()]
            return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]

    def columns(self, sql: str, parameters: Parameters | None = None) -> dict[str, Any]:
        """Return the result of a statement as numpy arrays, by column; masked where there are NULLs."""
        with self._lock, self._errors("cannot be read"):
            return self._connection.execute(sql, dict(parameters or {})).fetchnumpy()

    def close(self) -> None:
        """Write everything to the file and close it. May be called twice."""
        with self._lock, self._errors("cannot be closed"):
            self._connection.close()

    def _insert(self, *parts: tuple[StoreTable, Sequence[tuple[Any, ...]]]) -> None:
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
                # If DuckDB has given up the file, the rollback fails, too; the first error gives the reason.
                with contextlib.suppress(duckdb.Error):
                    self._connection.execute("ROLLBACK")
                raise

    @contextlib.contextmanager
    def _errors(self, doing: str) -> Any:  # noqa: ANN401 - a generator of the context manager's own
        try:
            yield
        except duckdb.Error as error:
            raise StoreError.of(self.path, doing, error) from error


def insert_statement(table: StoreTable) -> str:
    """Return a statement that inserts rows from one JSON text, column by column.

    DuckDB inserts a batch of 500 rows in 10 ms this way; as parameters, or as numpy objects, it takes about 1
    s.
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


def _columns_text(table: StoreTable, rows: Sequence[tuple[Any, ...]]) -> str:
    return dumps(dict(zip(table.columns, zip(*rows, strict=True), strict=True)))


def _version(connection: duckdb.DuckDBPyConnection) -> object:
    """Return the schema version of a file; None if it is not a run's store."""
    try:
        row = connection.execute("SELECT value FROM meta WHERE key = 'schema_version'").fetchone()
    except duckdb.Error:
        return None
    return None if row is None else json.loads(row[0])
