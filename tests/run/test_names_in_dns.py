"""A whole run with AAAA records only, a search list, and answers for A records that are lost.

The referee is the DNS server's own log.
"""

import json
from pathlib import Path

from lbstudy.cli.main import run
from lbstudy.result.model import Result

SCENARIO = """
name = "names"
duration = 6
[load]
clients = 2
rate = 10
timeout = 20
[server]
work = 0
[dns]
propagation = 0.1
families = "ipv6"
search = ["svc.cluster.local"]
ndots = 5
[[step]]
at = 0
servers = 2
[[step]]
at = 3
servers = 3
[[fault]]
kind = "dns-silent"
family = "ipv4"
at = 1
"""
SETTING = """
name = "hasty"
[channel]
grpc.dns_min_time_between_resolutions_ms = 200
grpc.dns_ares_query_timeout = 500
[server]
grpc.max_connection_age_ms = 1000
"""


def test_addresses_of_one_family_a_search_list_and_lost_answers(tmp_path: Path) -> None:
    (tmp_path / "names.toml").write_text(SCENARIO)
    (tmp_path / "hasty.toml").write_text(SETTING)
    files = [str(tmp_path / "names.toml"), "--setting", str(tmp_path / "hasty.toml")]
    run(["run", *files, "--out", str(tmp_path / "out"), "--no-otlp", "--plain"])
    result = Result.model_validate_json((tmp_path / "out" / "result.json").read_text())
    (found,) = result.settings
    log = [json.loads(line) for line in (tmp_path / "out" / "dns.jsonl").read_text().splitlines()]

    assert result.ledger_closes, [entry for entry in found.ledger.entries if not entry.closes]
    # Servers were found by AAAA records alone, and each of the three answered.
    assert {line["qtype"] for line in log if line["addresses"]} == {"AAAA"}
    assert sum(found.errors.client_by_code.values()) == 120
    assert found.adaptability.undiscovered == []
    # The clients tried the search list first, for both record types.
    name = "greeter-hasty.lbstudy.svc.cluster.local"
    assert {(line["name"], line["qtype"]) for line in log} == {
        (asked, qtype) for asked in (name, f"{name}.svc.cluster.local") for qtype in ("A", "AAAA")
    }
    assert {line["rcode"] for line in log if line["name"] != name} == {"NXDOMAIN"}
    # What was lost on purpose is what the spans call missing.
    assert {line["qtype"] for line in log if line["rcode"] == "NONE"} == {"A"}
    looked_up = found.resolutions
    assert looked_up is not None
    assert [one.family for one in looked_up.missed] == ["A"]
    assert looked_up.complete >= 2  # the first one of each client
    assert looked_up.questions == 4
    page = (tmp_path / "out" / "report.html").read_text()
    assert "4 questions each, for A and AAAA records" in page
    assert "A missing" in page
