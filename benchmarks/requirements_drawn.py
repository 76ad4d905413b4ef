"""What ``benchmarks.requirements`` draws: random requirements, their scenarios, the built-in settings."""

import random

BUILT_IN = (
    "stock",
    "min-interval",
    "max-age",
    "keepalive",
    "outlier-detection",
    "retries",
    "combined",
    "weighted-round-robin",
    "pick-first",
)
"""Those with DNS: push is cheaper in connections and queries than any of them, and costs a service more."""
CHANGES = """
name = "changes"
description = "3 servers, up to 5 at 4 s, down to 3 at 22 s; one hangs from 28 s to 42 s"
duration = 46
[load]
clients = 2
rate = 10
timeout = 2
[server]
work = 0.01
[[step]]
at = 0
servers = 3
[[step]]
at = 4
servers = 5
[[step]]
at = 22
servers = 3
[[fault]]
kind = "stop"
at = 28
until = 42
servers = 1
"""
QUIET = """
name = "quiet"
description = "3 servers, nothing changes"
duration = 40
[load]
clients = 2
rate = 10
timeout = 2
[server]
work = 0.01
[[step]]
at = 0
servers = 3
"""


def draw(number: int, rng: random.Random) -> str:
    """A requirement's file: one to five clauses, with bounds anywhere from easy to impossible."""
    clauses = []
    if rng.random() < 0.7:
        clauses.append(f'kind = "new-server"\nwithin = {rng.uniform(3, 15):.1f}\nscenario = "./changes.toml"')
    if rng.random() < 0.4:
        clauses.append(
            f'kind = "removed-server"\nlost_at_most = {rng.choice([0, 1, 3])}\nscenario = "./changes.toml"'
        )
    if rng.random() < 0.5 or not clauses:
        clauses.append(
            f'kind = "hung-server"\nlost_at_most = {rng.randrange(28, 100)}\nscenario = "./changes.toml"'
        )
    clauses += [
        f'kind = "{kind}"\nat_most = {rng.uniform(8, 60):.0f}\nscenario = "./quiet.toml"'
        for kind in ("connections", "dns-queries")
        if rng.random() < 0.4
    ]
    return "\n".join([f'name = "r-{number:02}"', *(f"[[clause]]\n{clause}" for clause in clauses)]) + "\n"
