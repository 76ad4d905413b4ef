"""What the headline says of streams, cold servers and encrypted connections."""

from lbstudy.measures.delays import summary
from lbstudy.result.kinds_of_load import load_sentences
from lbstudy.result.model import Connecting, Holding, NotObserved, SettingResult
from lbstudy.result.verdict import verdict

from tests.compare import made_up
from tests.compare.test_kinds_of_load import cold, encrypted, streaming

WHY = NotObserved(why="nobody tells", needs="our instrumentor")


def one(result: SettingResult, **changed: object) -> SettingResult:
    assert result.streams is not None
    return result.model_copy(update={"streams": result.streams.model_copy(update=changed)})


def test_short_calls_in_plain_text_to_warm_servers_have_no_such_sentence() -> None:
    assert load_sentences([made_up.setting("stock")]) == []


def test_streams_held_on_to_servers_that_go_and_were_cut() -> None:
    stock, max_age = streaming("stock", held=None, cut=0), streaming("max-age", held=3.0, cut=5)
    assert load_sentences([stock, max_age]) == [
        "Streams held on to servers that go for > 20.0 s under stock; 3.0 s under max-age (median).",
        (
            "Cut: none of 20 streams under stock;"
            " 5 of 20 streams (2 of them though their server stayed) under max-age."
        ),
    ]
    assert load_sentences([stock])[0] == "Streams held on to servers that go for > 20.0 s (median)."
    assert load_sentences([stock])[1] == "None of 20 streams was cut."


def test_without_a_scale_down_those_of_a_scale_up_count() -> None:
    nothing = summary([])
    up = Holding(at=10, label="", of="servers that stay", streams=1, cut=0, holding=nothing)
    found = one(streaming(cut=0), changes=[up], held=nothing)
    assert load_sentences([found])[0] == (
        "After servers were added, streams went on where they were for > 20.0 s (median)."
    )
    assert load_sentences([one(found, changes=[])]) == ["None of 20 streams was cut."]


def test_no_stream_there_and_nobody_knows_are_two_things() -> None:
    nothing = summary([])
    assert load_sentences([one(streaming(), held=nothing)])[0] == (
        "Streams held on to servers that go for no time (none was open) (median)."
    )
    assert load_sentences([one(streaming(), held=nothing, unknown=20)])[0] == (
        "Streams held on to servers that go for a time that was not observed (median)."
    )


def test_first_seconds_of_cold_servers() -> None:
    assert load_sentences([cold("stock", 0.4), cold("combined", None)]) == [
        "In a server’s first 5.0 s, p99 was 400 ms (later 50 ms) under stock; not observed under combined."
    ]


def test_encrypted_connections() -> None:
    nobody = encrypted("blind", count=0, p99=None, storm=0, not_observed=WHY)
    kernel = encrypted("kernel", p99=None, not_observed=WHY)
    assert load_sentences([encrypted("stock"), kernel, nobody]) == [
        (
            "Time to make an encrypted connection (p99): 40 ms, up to 5 made within one second under stock;"
            " not observed, up to 5 made within one second under kernel; not observed under blind."
        ),
    ]
    plain = made_up.setting("stock").model_copy(update={"connecting": Connecting(count=3, p99=1.0, storm=3)})
    assert load_sentences([plain]) == []


def test_of_many_settings_the_first_are_told() -> None:
    many = [cold(name, at / 10) for at, name in enumerate("abcde", start=1)]
    assert load_sentences(many) == [
        (
            "In a server’s first 5.0 s, p99 was 100 ms (later 50 ms) under a; 200 ms (later 50 ms) under b;"
            " 300 ms (later 50 ms) under c; 2 more."
        ),
    ]


def test_the_headline_ends_with_them() -> None:
    headline = verdict([cold()]).headline
    assert headline.endswith("In a server’s first 5.0 s, p99 was 400 ms (later 50 ms).")
    assert headline.startswith("stock: ")
