"""The program of the observer pod: asks DNS for names continuously, and reports when an answer changes.

It runs in the clients' image as `python -c SOURCE NAME ...`, with dnspython (which the image has for it) and
no module of the study. Each line of its output is a JSON object:

    {"name": "greeter-stock", "addresses": ["10.0.0.7"], "rcode": "NOERROR", "before": ns, "after": ns}

The answer changed between ``before`` (when the last question with the old answer was sent) and ``after``
(when this answer was received), in nanoseconds since the Unix epoch by the pod's clock.
"""

import json
import sys
import time

import dns.exception
import dns.message
import dns.query
import dns.rcode
import dns.rdatatype
import dns.resolver

EVERY = 0.05  # s between two questions for a name
PATIENCE = 1.0  # s to wait for an answer


def resolve(resolver: dns.resolver.Resolver, name: str) -> tuple[str, list[str]]:
    """Ask the first nameserver that answers; a truncated answer is requested again over TCP."""
    question = dns.message.make_query(name, dns.rdatatype.A)
    for nameserver in resolver.nameservers:
        try:
            answer, _ = dns.query.udp_with_fallback(question, str(nameserver), timeout=PATIENCE)
        except (dns.exception.DNSException, OSError, EOFError):
            continue
        addresses = sorted(
            record.address
            for records in answer.answer
            if records.rdtype == dns.rdatatype.A
            for record in records
        )
        return dns.rcode.to_text(answer.rcode()), addresses
    return "TIMEOUT", []


def main(services: list[str]) -> None:
    """Ask until killed. A service's name is completed by the pod's first search domain."""
    resolver = dns.resolver.Resolver()
    domain = str(resolver.search[0]) if resolver.search else ""
    last: dict[str, tuple[str, list[str]]] = {}
    asked_last: dict[str, int] = {}
    due = time.monotonic()
    while True:
        for service in services:
            asked = time.time_ns()
            answer = resolve(resolver, f"{service}.{domain}")
            answered = time.time_ns()
            if answer[0] == "TIMEOUT":
                continue  # unchanged: the next answer has the wider bound
            if answer != last.get(service):
                line = {
                    "name": service,
                    "rcode": answer[0],
                    "addresses": answer[1],
                    "before": asked_last.get(service, asked),
                    "after": answered,
                }
                print(json.dumps(line), flush=True)  # noqa: T201 - its output is the pod's log
                last[service] = answer
            asked_last[service] = asked
        due = max(due + EVERY, time.monotonic())
        time.sleep(max(0.0, due - time.monotonic()))


if __name__ == "__main__":
    main(sys.argv[1:])
