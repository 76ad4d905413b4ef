"""How clients get a search list; that c-ares reads it so is seen in tests/run/test_names_in_dns.py."""

from lbstudy.platform.local.naming import Naming


def test_without_a_search_list_nothing_is_said() -> None:
    assert Naming().environment == {}
    assert not Naming().needs_file
    assert Naming().resolv_conf("127.0.1.1") == "nameserver 127.0.1.1\n"


def test_one_name_goes_by_variables() -> None:
    naming = Naming(search=("cluster.local",), ndots=5)
    assert naming.environment == {"LOCALDOMAIN": "cluster.local", "RES_OPTIONS": "ndots:5"}
    assert not naming.needs_file


def test_several_names_go_by_a_file_only() -> None:
    naming = Naming(search=("svc.cluster.local", "cluster.local"), ndots=5)
    assert naming.environment == {}  # it would come before the file, and has one name only
    assert naming.needs_file
    assert naming.resolv_conf("127.0.1.1") == (
        "nameserver 127.0.1.1\nsearch svc.cluster.local cluster.local\noptions ndots:5\n"
    )
