"""Certificates of a run: openssl is not needed to check them, the ssl module of Python is."""

import socket
import ssl
import stat
import threading
from pathlib import Path

import pytest
from cryptography import x509
from lbstudy.platform.interface import Tls
from lbstudy.platform.local.certificates import Authority
from lbstudy.platform.programs import Certificates

NAME = "orders-stock.lbstudy.svc.cluster.local"


def handshake(server: Certificates, client: Certificates | None, ca: str, name: str) -> str:
    """Python's own TLS between two sockets; returns the client's subject as the server sees it, or raises."""
    ours = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    ours.load_cert_chain(server.certificate, server.key)
    if server.clients:
        ours.load_verify_locations(server.ca)
        ours.verify_mode = ssl.CERT_REQUIRED
    theirs = ssl.create_default_context(cafile=ca)
    if client is not None:
        theirs.load_cert_chain(client.certificate, client.key)
    left, right = socket.socketpair()
    seen: list[object] = []

    def serve() -> None:
        try:
            with ours.wrap_socket(left, server_side=True) as connection:
                connection.sendall(connection.recv(1))
                seen.append(connection.getpeercert())
        except (ssl.SSLError, OSError) as error:
            seen.append(error)

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        with theirs.wrap_socket(right, server_hostname=name) as connection:
            connection.sendall(b"x")
            assert connection.recv(1) == b"x"
    finally:
        right.close()
        thread.join(30)
    return str(seen[0])


@pytest.mark.parametrize("key", ["ec", "rsa"])
def test_a_server_is_known_by_its_name_and_by_no_other(tmp_path: Path, key: str) -> None:
    server = Authority(tmp_path / "tls").issue("orders-stock", Tls(key), NAME)

    handshake(server, None, server.ca, NAME)
    with pytest.raises(ssl.SSLCertVerificationError, match="Hostname mismatch"):
        handshake(server, None, server.ca, "orders-other.lbstudy.svc.cluster.local")
    public = x509.load_pem_x509_certificate(Path(server.certificate).read_bytes()).public_key()
    assert type(public).__name__ == {"ec": "ECPublicKey", "rsa": "RSAPublicKey"}[key]


def test_another_runs_authority_is_not_trusted(tmp_path: Path) -> None:
    server = Authority(tmp_path / "one").issue("orders-stock", Tls(), NAME)
    other = Authority(tmp_path / "other").issue("orders-stock", Tls(), NAME)

    with pytest.raises(ssl.SSLCertVerificationError, match="certificate"):
        handshake(server, None, other.ca, NAME)


def test_where_clients_show_a_certificate_one_without_is_refused(tmp_path: Path) -> None:
    authority = Authority(tmp_path / "tls")
    server = authority.issue("orders-stock", Tls(clients=True), NAME)
    client = authority.issue("client-stock", Tls(clients=True))

    assert "client-stock" in handshake(server, client, server.ca, NAME)
    with pytest.raises((ssl.SSLError, OSError, AssertionError)):
        handshake(server, None, server.ca, NAME)
    # A server's own is for servers alone.
    with pytest.raises((ssl.SSLError, OSError, AssertionError)):
        handshake(server, server, server.ca, NAME)


def test_keys_are_its_owners_alone_and_go_with_the_run(tmp_path: Path) -> None:
    authority = Authority(tmp_path / "tls")
    made = authority.issue("orders-stock", Tls(), NAME)

    assert stat.S_IMODE(Path(made.key).stat().st_mode) == 0o600
    assert stat.S_IMODE((tmp_path / "tls").stat().st_mode) == 0o700
    authority.close()
    assert list(tmp_path.iterdir()) == []
    authority.close()
