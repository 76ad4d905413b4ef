import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import duckdb
import pytest
from lbstudy.observation.tallies import ClientTally, ServerTally
from lbstudy.platform.interface import Change, ChangeKind
from lbstudy.store.database import RunStore
from lbstudy.store.errors import StoreError
from lbstudy.store.rows import LookupRow, ResourceRow
from lbstudy.store.schema import SCHEMA_VERSION, TABLES

from tests.store.rows_by_hand import ZERO, span


def test_what_is_stored_is_there_when_the_file_is_opened_again(tmp_path: Path) -> None:
    path = tmp_path / "run.duckdb"
    store = RunStore.create(path)
    store.put_meta("run", {"id": "r1", "scenario": "scale → 6"})
    store.add_telemetry(
        resources=[ResourceRow(1, "greeter-client", "client-stock-x", "stock", "r1", '{"a":1}')]
    )
    store.add_telemetry(
        spans=[span(1), span(2, server_pod=None, grpc_code=14, name='a "quoted" \\ name\n\x00')]
    )
    store.add_changes([Change(ZERO, 0.01, ChangeKind.READY, "greeter-stock", "a", "127.0.1.1:50051")])
    store.add_client_tallies(
        "stock", [ClientTally("c", 3, 2, 1, {"OK": 2}, {"a": 2}, 30, 29.5, 0.001, 0.002, 1)]
    )
    store.add_server_tallies("stock", [ServerTally("a", {"OK": 2}), ServerTally("b", None)])
    store.add_lookups([LookupRow(ZERO, "greeter", "A", "NOERROR", ["127.0.1.1"], "127.0.0.1:4000", "udp")])
    store.close()
    store.close()

    found = RunStore.open(path)
    assert found.meta("run") == {"id": "r1", "scenario": "scale → 6"}
    assert found.meta("schema_version") == SCHEMA_VERSION
    assert found.meta("nothing") is None
    assert found.query("SELECT name, server_pod, grpc_code FROM spans ORDER BY start_unix_nano") == [
        (span(1).name, "a", 0),
        ('a "quoted" \\ name\n\x00', None, 14),
    ]
    assert found.query("FROM pod_changes") == [
        (ZERO, 0.01, "ready", "greeter-stock", "a", "127.0.1.1:50051", "")
    ]
    assert found.query("SELECT by_code, by_server, lateness_max FROM client_tallies") == [
        ('{"OK":2}', '{"a":2}', 1.0)
    ]
    assert found.query("FROM server_tallies") == [
        ("stock", "a", '{"OK":2}', None),
        ("stock", "b", None, None),
    ]
    assert found.query("SELECT addresses, transport FROM dns_lookups") == [(["127.0.1.1"], "udp")]
    found.close()


def test_a_value_of_meta_takes_the_place_of_the_earlier_one(store: RunStore) -> None:
    store.put_meta("run", 1)
    store.put_meta("run", [2])
    assert store.meta("run") == [2]


def test_the_file_opens_with_plain_sql(tmp_path: Path) -> None:
    path = tmp_path / "run.duckdb"
    store = RunStore.create(path)
    store.put_meta("time_zero_unix_nano", ZERO)
    update = {
        "grpc_lb.resolver.outcome": "changed",
        "grpc_lb.resolver.cause": "first",
        "grpc_lb.resolver.addresses": ["10.0.0.1", "10.0.0.2"],
    }
    import json

    store.add_telemetry(
        spans=[
            span(1000, scheduled_unix_nano=ZERO + 900_000_000),
            span(
                2,
                name="grpc_lb.resolver.update",
                rpc_method=None,
                kind="internal",
                attributes=json.dumps(update),
            ),
        ]
    )
    store.close()
    plain = duckdb.connect(path, read_only=True)
    assert plain.execute("SELECT server, code, sent_s, ended_s, latency_s FROM rpcs").fetchall() == [
        ("a", 0, 1.0, 1.02, 0.12)
    ]
    assert plain.execute(
        "SELECT outcome, len(addresses), added, ended_s FROM resolver_updates"
    ).fetchall() == [("changed", 2, None, 0.022)]
    tables = {name for (name,) in plain.execute("SHOW TABLES").fetchall()}
    assert tables == {table.name for table in TABLES} | {"rpcs", "resolver_updates"}
    plain.close()


def test_all_of_a_transaction_is_stored_or_nothing(store: RunStore) -> None:
    bad = span(2, channel_id=1 << 40)  # does not fit its column
    with pytest.raises(StoreError, match="cannot be written"):
        store.add_telemetry([ResourceRow(1, "s", None, None, None, "{}")], [span(1), bad], [])
    assert store.query("SELECT count(*) FROM resources") == [(0,)]
    store.add_telemetry(spans=[span(1)])
    assert store.query("SELECT count(*) FROM spans") == [(1,)]


def one_line(open_or_create: Callable[[], object]) -> str:
    with pytest.raises(StoreError) as raised:
        open_or_create()
    (line,) = str(raised.value).splitlines()
    return line


def test_a_store_is_not_made_over_another_file(tmp_path: Path) -> None:
    path = tmp_path / "run.duckdb"
    path.write_text("mine")
    assert one_line(lambda: RunStore.create(path)) == (
        f"{path}: cannot be created: there is a file of that name already"
    )
    assert path.read_text() == "mine"


def test_a_store_where_nothing_can_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    path = tmp_path / "file" / "run.duckdb"
    assert one_line(lambda: RunStore.create(path)).startswith(f"{path}: cannot be created: ")


def test_no_such_file(tmp_path: Path) -> None:
    path = tmp_path / "run.duckdb"
    assert (
        one_line(lambda: RunStore.open(path)) == f"{path}: there is no such file; a run's store was expected"
    )
    assert not path.exists()


@pytest.mark.parametrize("content", [b"", b"no database", b"x" * 100_000])
def test_a_file_that_is_no_database(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "run.duckdb"
    path.write_bytes(content)
    line = one_line(lambda: RunStore.open(path))
    assert line.startswith(f"{path}: cannot be opened as a run's store: ")
    assert path.read_bytes() == content


def test_a_folder(tmp_path: Path) -> None:
    assert one_line(lambda: RunStore.open(tmp_path)).startswith(
        f"{tmp_path}: cannot be opened as a run's store: "
    )


def test_a_cut_off_store(tmp_path: Path) -> None:
    path = tmp_path / "run.duckdb"
    store = RunStore.create(path)
    store.add_telemetry(spans=[span(i) for i in range(5_000)])
    store.close()
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 3])

    def read() -> None:
        RunStore.open(path).query("SELECT sum(end_unix_nano) FROM spans")

    assert one_line(read).startswith(f"{path}: ")


def test_another_database(tmp_path: Path) -> None:
    path = tmp_path / "other.duckdb"
    duckdb.connect(path).execute("CREATE TABLE t (i INTEGER)").close()
    assert (
        one_line(lambda: RunStore.open(path)) == f"{path}: is no run's store; schema version 2 was expected"
    )


def test_a_store_of_another_version(tmp_path: Path) -> None:
    path = tmp_path / "run.duckdb"
    store = RunStore.create(path)
    store.put_meta("schema_version", 7)
    store.close()
    assert one_line(lambda: RunStore.open(path)) == (
        f"{path}: is a run's store of schema version 7; schema version 2 was expected"
    )


FILL = """
import resource, signal, sys
from pathlib import Path
from lbstudy.store.database import RunStore
from lbstudy.store.errors import StoreError
from tests.store.rows_by_hand import span

store = RunStore.create(Path(sys.argv[1]))
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)  # a full disk is an error of write(2), as on a real one
resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 20, 1 << 20))
try:
    for batch in range(1000):
        store.add_telemetry(spans=[span(batch * 2000 + i) for i in range(2000)])
except StoreError as error:
    print(error)
"""


def test_a_full_disk(tmp_path: Path) -> None:
    """No file may grow beyond 1 MiB, which stands for a disk without room."""
    path = tmp_path / "run.duckdb"
    root = Path(__file__).parents[2]
    done = subprocess.run(
        [sys.executable, "-c", FILL, str(path)],
        cwd=root,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    (line,) = done.stdout.splitlines()
    assert line.startswith(f"{path}: cannot be written: ")
