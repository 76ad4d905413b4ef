"""What happens to a scenario's streams with a setting, by gRPC's rules alone. No I/O.

A stream is balanced only when it begins. A server that stops gives it the drain's wait and grace. A
connection that reaches its age gets GOAWAY (± 10 %, gRFC A9), and what is still open after the grace is cut.
"""

from lbstudy.config.notes import MAX_AGE
from lbstudy.config.scenario import Scenario
from lbstudy.config.setting import Setting
from lbstudy.model.parameters import AGE_JITTER, Parameters, milliseconds

MAX_AGE_GRACE = "grpc.max_connection_age_grace_ms"


def stream_sentences(setting: Setting, scenario: Scenario, p: Parameters) -> list[tuple[str, bool]]:
    """Return sentences, each with whether it describes a probable mistake; empty without streams."""
    stream = scenario.load.stream
    if stream is None:
        return []
    sentences: list[tuple[str, bool]] = []
    longest, drain = stream.life, p.drain_wait + p.drain_grace
    if p.ages:
        grace = milliseconds(setting.server, MAX_AGE_GRACE, float("inf"))
        longest = min(longest, p.max_age * (1 + AGE_JITTER) + grace)
        if stream.life > grace:
            cut = (
                f"Streams live {stream.life:g} s. A connection of its age ({MAX_AGE}) gives them"
                f" {grace:g} s ({MAX_AGE_GRACE}): those that have more left are cut, and none lasts longer"
                f" than {longest:g} s."
            )
            sentences.append((cut, True))
    stays = (
        f"A stream begun before a scale-up goes on where it is for up to {longest:g} s: until then new"
        " servers lack its messages, however even RPCs are."
    )
    sentences.append((stays, False))
    if stream.life > drain:
        cut = (
            f"Streams live {stream.life:g} s. A server that goes gives them {drain:g} s (the drain's wait and"
            " grace): those that have more left are cut."
        )
        sentences.append((cut, True))
    return sentences
