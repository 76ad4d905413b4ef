"""A certificate authority for one run, in memory: it signs what a run's programs show each other.

Nothing outside of the run trusts it: it is made anew each time, and what it signs holds for a day.
"""

import ipaddress
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from lbstudy.platform.interface import Tls

_HOLDS = timedelta(days=1)
_EARLIER = timedelta(minutes=5)  # clocks may differ
Key = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey


@dataclass(frozen=True, slots=True)
class Signed:
    """PEM texts of one program."""

    ca: bytes
    certificate: bytes
    key: bytes = field(repr=False)


class RunAuthority:
    """Signs certificates of servers and clients."""

    def __init__(self) -> None:
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._certificate = _authority(self._key)
        self.pem = self._certificate.public_bytes(serialization.Encoding.PEM)

    def sign(self, name: str, tls: Tls, dns_names: Sequence[str] = ()) -> Signed:
        """A certificate and its key: of servers that go by names in DNS, or of clients, which have none."""
        key = _key(tls)
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name[:64])])
        usage = ExtendedKeyUsageOID.SERVER_AUTH if dns_names else ExtendedKeyUsageOID.CLIENT_AUTH
        builder = (
            _builder(subject, self._certificate.subject)
            .public_key(key.public_key())
            .add_extension(x509.ExtendedKeyUsage([usage]), critical=False)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        )
        if dns_names:
            loopback = x509.IPAddress(ipaddress.ip_address("127.0.0.1"))
            names = [*(x509.DNSName(dns_name) for dns_name in dns_names), loopback]
            builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
        certificate = builder.sign(self._key, hashes.SHA256())
        private = key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        return Signed(self.pem, certificate.public_bytes(serialization.Encoding.PEM), private)


def _key(tls: Tls) -> Key:
    if tls.key == "rsa":
        return rsa.generate_private_key(public_exponent=65537, key_size=2048)
    return ec.generate_private_key(ec.SECP256R1())


def _authority(key: Key) -> x509.Certificate:
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "lbstudy, of one run")])
    return (
        _builder(name, name)
        .public_key(key.public_key())
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )


def _builder(subject: x509.Name, issuer: x509.Name) -> x509.CertificateBuilder:
    now = datetime.now(UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - _EARLIER)
        .not_valid_after(now + _HOLDS)
    )
