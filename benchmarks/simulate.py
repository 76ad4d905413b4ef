"""Prints how many events a second the model gets through: one client by one, and 10,000 at once.

    .venv/bin/python benchmarks/simulate.py [--clients 10000] [--servers 1000] [--minutes 5]

Events are ends of connections, attempts and look-ups. Elapsed and CPU time are both told: on a machine that
does other things as well, the second is what the model itself takes.
"""

import argparse
import time

import numpy as np
from lbstudy.config import load_scenario, load_setting
from lbstudy.model.client import Client
from lbstudy.model.parameters import Parameters
from lbstudy.model.servers import present
from lbstudy.model.simulation import Size, run

EXACT_CLIENTS = 200


def main() -> None:
    """Measure both."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--clients", type=int, default=10_000)
    parser.add_argument("--servers", type=int, default=1000)
    parser.add_argument("--minutes", type=float, default=5.0)
    args = parser.parse_args()
    parameters = Parameters.of(load_setting("max-age"), load_scenario("scale"))

    rng, servers, events = np.random.default_rng(0), present(10), 0
    begun = time.process_time()
    for _ in range(EXACT_CLIENTS):
        events += Client(parameters, servers, rng).run_settled(0.0, 300.0).events
    took = time.process_time() - begun
    exact = events / took
    print(f"one by one   {events:>13,} events  {took:6.1f} s CPU  {exact:>12,.0f} events/s of CPU")

    size = Size(clients=args.clients, servers=args.servers, added=args.servers // 10, minutes=args.minutes)
    begun, elapsed = time.process_time(), time.perf_counter()
    found = run("max-age", parameters, size)
    took, elapsed = time.process_time() - begun, time.perf_counter() - elapsed
    rate = found.events / took
    print(f"all at once  {found.events:>13,} events  {took:6.1f} s CPU  {rate:>12,.0f} events/s of CPU")
    print(
        f"             {elapsed:.1f} s elapsed, {found.events / elapsed:,.0f} events/s; {rate / exact:.0f}"
        " times"
    )


if __name__ == "__main__":
    main()
