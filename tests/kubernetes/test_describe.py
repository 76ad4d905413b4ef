"""What is recorded of a cluster's DNS, and how late watches tell."""

from typing import get_args

import pytest
from lbstudy.config.fault import AnyFault
from lbstudy.config.fault_kinds import FAULT_KINDS, MadeBy, made_by
from lbstudy.platform.kubernetes.delivery import Delivery
from lbstudy.platform.kubernetes.describe import corefile

KUBEADM = """
.:53 {
    errors
    kubernetes cluster.local in-addr.arpa ip6.arpa {
       pods insecure
       fallthrough in-addr.arpa ip6.arpa
       ttl 30
    }
    forward . /etc/resolv.conf
    cache 30 {
       disable success cluster.local
       disable denial cluster.local
    }
    loop
}
"""


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (KUBEADM, "ttl 30 s, cache 30 s (disable success cluster.local disable denial cluster.local)"),
        (".:53 {\n kubernetes cluster.local\n cache\n}", "ttl 5 s (the default), cache 3600 s"),
        (".:53 {\n kubernetes cluster.local {\n  ttl 7\n }\n # cache 30\n}", "ttl 7 s, no cache"),
    ],
)
def test_a_corefiles_times(text: str, told: str) -> None:
    assert corefile(text) == told


def test_how_late_a_watch_tells_of_a_renewal() -> None:
    delivery = Delivery()
    assert delivery.largest == 0
    delivery.sent("a", 1_000_000_000)
    delivery.sent("b", 2_000_000_000)
    delivery.told("b", 2_250_000_000)
    delivery.told("b", 9_000_000_000)  # told again after a lost watch: no news
    delivery.told("of another run", 9_000_000_000)
    assert delivery.delays == [0.25]
    assert delivery.largest == 0.25


def test_every_kind_of_fault_can_be_done_on_a_cluster_or_is_refused_before_the_run() -> None:
    kinds = {get_args(one.model_fields["kind"].annotation)[0] for one in get_args(get_args(AnyFault)[0])}
    done = made_by(MadeBy.SERVER) | {"stop", "kill", "crash-at-start", "slow-start"}
    assert {kind for kind in kinds if FAULT_KINDS[kind].on_a_cluster} == done
    assert kinds - done == made_by(MadeBy.DNS)
