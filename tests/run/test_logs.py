"""What is read of the programs' own output."""

from pathlib import Path

from lbstudy.observation.tallies import ClientTally, ServerTally, StreamTally
from lbstudy.run.logs import client_tally, server_tally

FINISHED = (
    '{"event": "finished", "time_unix_nano": 1, "tally": {"scheduled": 3, "sent": 2, "not_sent": 1,'
    ' "by_code": {"OK": 2}, "by_server": {"a": 2}, "offered_rate": 3.0, "achieved_rate": 2.0,'
    ' "lateness_p50": 0.1, "lateness_p99": 0.2, "lateness_max": 0.3}}\n'
)


def write(folder: Path, text: str) -> Path:
    log = folder / "pod.out"
    log.write_text(text)
    return log


def test_a_clients_count(tmp_path: Path) -> None:
    log = write(tmp_path, '{"event": "started"}\nnot ours\n' + FINISHED)
    assert client_tally("c", log) == ClientTally("c", 3, 2, 1, {"OK": 2}, {"a": 2}, 3.0, 2.0, 0.1, 0.2, 0.3)


def test_a_client_that_could_not_say_is_none_and_half_a_line_is_no_word(tmp_path: Path) -> None:
    assert client_tally("c", write(tmp_path, '{"event": "started"}\n')) is None
    assert client_tally("c", write(tmp_path, FINISHED.rstrip("\n"))) is None
    assert client_tally("c", tmp_path / "none.out") is None


def test_a_servers_count_or_that_it_could_not_say(tmp_path: Path) -> None:
    said = write(tmp_path, '{"event": "serving"}\n{"event": "stopped", "answered": {"OK": 5}}\n')
    assert server_tally("s", said) == ServerTally("s", {"OK": 5})
    assert server_tally("s", write(tmp_path, '{"event": "serving"}\n')) == ServerTally("s", None)


def test_the_messages_of_streams_on_both_sides(tmp_path: Path) -> None:
    streams = '"streams": {"count": 2, "failed": 1, "sent": 9, "sent_whole": {"a": 4}, "received": {"a": 7}, '
    streams += '"received_whole": {"a": 4}}, '
    log = write(tmp_path, FINISHED.replace('"by_code"', f'{streams}"by_code"'))
    tally = client_tally("c", log)
    assert tally is not None
    assert tally.streams == StreamTally(2, 1, 9, {"a": 4}, {"a": 7}, {"a": 4})
    stopped = '{"event": "stopped", "answered": {"OK": 1}, "messages": {"received": 8, "sent": 7}}\n'
    assert server_tally("s", write(tmp_path, stopped)).messages == {"received": 8, "sent": 7}


def test_a_server_that_was_started_again_could_not_say_what_it_had_counted_before(tmp_path: Path) -> None:
    twice = '{"event": "serving"}\n{"event": "serving"}\n{"event": "stopped", "answered": {"OK": 5}}\n'
    assert server_tally("s", write(tmp_path, twice)) == ServerTally("s", None)
