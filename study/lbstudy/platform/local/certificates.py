"""The certificates of a run's servers and clients on this machine, as files that go with the run."""

import shutil
from pathlib import Path

from lbstudy.platform.authority import RunAuthority
from lbstudy.platform.interface import Tls
from lbstudy.platform.programs import Certificates


class Authority:
    """Signs the certificates of a run's programs.

    Args:
        folder: the folder for its files; made when the first certificate is issued.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._authority: RunAuthority | None = None

    def issue(self, name: str, tls: Tls, dns_name: str = "") -> Certificates:
        """Issue a certificate and its key: for servers with a name in DNS, or for clients, which have none.

        Args:
            name: the Deployment's name, and the files'.
            tls: the kind of certificate.
            dns_name: the name that clients check; "" for a client.
        """
        if self._authority is None:
            self._folder.mkdir(mode=0o700, exist_ok=True)
            self._authority = RunAuthority()
            self._write("ca.pem", self._authority.pem)
        signed = self._authority.sign(name, tls, [dns_name] if dns_name else [])
        return Certificates(
            ca=str(self._folder / "ca.pem"),
            certificate=self._write(f"{name}.pem", signed.certificate),
            key=self._write(f"{name}.key", signed.key),
            clients=tls.clients,
        )

    def close(self) -> None:
        """Delete every file."""
        shutil.rmtree(self._folder, ignore_errors=True)

    def _write(self, name: str, content: bytes) -> str:
        file = self._folder / name
        file.touch(mode=0o600)
        file.write_bytes(content)
        return str(file)
