"""A DNS client of the tests: one socket a resolution, as c-ares does it."""

import socket

import dns.message
import dns.query
import dns.rdatatype

PATIENCE = 150.0


def query(name: str, qtype: str = "A") -> dns.message.Message:
    return dns.message.make_query(name, dns.rdatatype.from_text(qtype), use_edns=False)


def ask(port: int, message: dns.message.Message, *, tcp: bool = False) -> dns.message.Message:
    send = dns.query.tcp if tcp else dns.query.udp
    return send(message, "127.0.0.1", timeout=PATIENCE, port=port)


def ask_retrying(port: int, message: dns.message.Message) -> dns.message.Message:
    """Send the same query again, from the same port, each time that no answer came within a second."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        client.connect(("127.0.0.1", port))
        client.settimeout(1.0)
        for _ in range(30):
            client.send(message.to_wire())
            try:
                return dns.message.from_wire(client.recv(4096))
            except TimeoutError:
                continue
    raise TimeoutError
