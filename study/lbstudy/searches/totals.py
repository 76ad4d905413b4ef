"""PromQL for totals of a whole time range.

For a run the clients' counters are used; for anything else the servers', since not every client may be
instrumented. In a run counters begin at 0 with their pod, so the largest value of a counter within a range is
its total until the range's end. Elsewhere a range is shorter than a pod's life, so the increase within it is
used.
"""

from typing import Final

from lbstudy.searches.promql import CLIENT, CODE, OLD_SERVER, SERVER
from lbstudy.searches.scope import POD, Scope

LANE_NAME: Final = "lane"
"""A label of all totals, for charts with room for only one: the service, and in a run the setting."""

_ANSWERED: Final = f'{POD}!=""'
_FAILED: Final = f'{CODE}!~"OK|"'
_A_RUN: Final = 'lbstudy_run_id!=""'
_NO_RUN: Final = 'lbstudy_run_id=""'


def requests_total(scope: Scope) -> str:
    """Return the RPCs that each server answered; outside of a run, within the range."""
    return _named(_or(_run_total(scope, POD, matcher=_ANSWERED), _growth(scope, POD)))


def codes_total(scope: Scope) -> str:
    """Return the RPCs by code, including OK, as clients saw them."""
    return _named(_or(_run_total(scope, CODE), _client_growth(scope, CODE)))


def server_codes_total(scope: Scope) -> str:
    """Return the same as servers saw them."""
    count = scope.of_pod(f"{SERVER}_count", _A_RUN)
    run = scope.pods(f"max_over_time({count}[{scope.whole}])", CODE, over=scope.whole)
    return _named(_or(run, _growth(scope, CODE)))


def errors_total(scope: Scope) -> str:
    """Return failed RPCs by server and code; those that none answered have the server "no server"."""
    failed = _or(
        _run_total(scope, POD, CODE, matcher=_FAILED), f"({_growth(scope, POD, CODE, only_failed=True)}) > 0"
    )
    return f'label_replace({_named(failed)}, "{POD}", "no server", "{POD}", "")'


def _run_total(scope: Scope, *by: str, matcher: str = "") -> str:
    """Return what a run's clients counted, by the largest values of their counters."""
    count = scope.of_client(f"{CLIENT}_count", _A_RUN, *filter(None, [matcher]))
    return scope.clients(f"max_over_time({count}[{scope.whole}])", *by, over=scope.whole)


def _client_growth(scope: Scope, *by: str) -> str:
    """Return what other clients counted within the range."""
    count = scope.of_client(f"{CLIENT}_count", _NO_RUN, _ANSWERED)
    return scope.clients(f"increase({count}[{scope.whole}])", *by, over=scope.whole)


def _growth(scope: Scope, *by: str, only_failed: bool = False) -> str:
    """Return the servers' RPCs within the range, outside of runs, under the metric's new and old name."""
    new = scope.of_pod(f"{SERVER}_count", _NO_RUN, *([_FAILED] if only_failed else []))
    number = "rpc_grpc_status_code"
    old = scope.of_pod(f"{OLD_SERVER}_count", _NO_RUN, *([f'{number}!~"0|"'] if only_failed else []))
    named = (
        f'label_replace(label_replace(increase({old}[{scope.whole}]), "{CODE}", "$1", "{number}", "(.+)"),'
        f' "{CODE}", "OK", "{number}", "0")'
    )
    return _or(
        scope.pods(f"increase({new}[{scope.whole}])", *by, over=scope.whole),
        scope.pods(named, *by, over=scope.whole),
    )


def _named(inner: str) -> str:
    return f'label_join({inner}, "{LANE_NAME}", " ", "service", "lbstudy_setting")'


def _or(first: str, second: str) -> str:
    return f"{first} or {second}"
