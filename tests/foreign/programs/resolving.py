"""A DNS server in which every name is 127.0.0.1, so that a channel has a name to resolve."""

import socket
import threading

import dns.message
import dns.rdatatype
import dns.rrset


def _answer(listener):
    while True:
        data, peer = listener.recvfrom(4096)
        query = dns.message.from_wire(data)
        response = dns.message.make_response(query)
        question = query.question[0]
        if question.rdtype == dns.rdatatype.A:
            response.answer.append(dns.rrset.from_text(question.name, 5, "IN", "A", "127.0.0.1"))
        listener.sendto(response.to_wire(), peer)


def target(port):
    """A target whose name that server resolves."""
    listener = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    listener.bind(("127.0.0.1", 0))
    threading.Thread(target=_answer, args=(listener,), daemon=True).start()
    return f"dns://127.0.0.1:{listener.getsockname()[1]}/greeter.example:{port}"
