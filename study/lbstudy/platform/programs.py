"""The command and the variables with which a pod's program is started, on any platform. No I/O."""

from collections.abc import Mapping
from dataclasses import dataclass

from lbstudy.config.command import Values, fill, fill_command, options_as_json, options_as_texts
from lbstudy.config.subject import CONTROL_PORT
from lbstudy.platform.interface import ClientSpec, ColdSpec, ServerSpec, StreamSpec
from lbstudy.platform.program import Program

__all__ = [
    "CONTROL_PORT",
    "NO_TROUBLE",
    "Certificates",
    "PodPlace",
    "StartTrouble",
    "client_values",
    "command",
    "server_values",
]


@dataclass(frozen=True, slots=True)
class StartTrouble:
    """What is wrong with a server's start."""

    crashes: bool = False
    delay: float = 0.0  # s until it listens


NO_TROUBLE = StartTrouble()


@dataclass(frozen=True, slots=True)
class Certificates:
    """The files of a program's certificate and its key, and of the CA that it trusts."""

    ca: str
    certificate: str
    key: str
    clients: bool = False  # whether clients show a certificate, too


@dataclass(frozen=True, slots=True)
class PodPlace:
    """What only a platform knows of a pod."""

    pod: str
    python: str
    otlp_endpoint: str
    repository: str = ""
    last_words: str = ""
    certificates: Certificates | None = None  # None: plain text
    health_address: str = ""  # of servers whose probes speak no TLS


def server_values(
    spec: ServerSpec, place: PodPlace, host: str, control: str, trouble: StartTrouble = NO_TROUBLE
) -> Values:
    """Return the values of the placeholders in a server pod; its control service has its own address."""
    port = str(spec.program.port)
    texts = _texts(spec.program, place, spec.texts) | {
        "address": f"{host}:{port}",
        "host": host,
        "port": port,
        "work": repr(spec.work),
        "concurrency": "" if spec.concurrency is None else str(spec.concurrency),
        "drain_wait": repr(spec.drain_wait),
        "drain_grace": repr(spec.drain_grace),
        "server_options": options_as_json(spec.channel_args),
        "report_load": "1" if spec.report_load else "",
        "control_address": f"{control}:{CONTROL_PORT}" if spec.control else "",
        "start_delay": repr(trouble.delay) if trouble.delay else "",
        "last_words": place.last_words,
        "health_address": place.health_address,
        "start_crash": "1" if trouble.crashes else "",
        **_cold(spec.cold),
        **_tls(place.certificates, is_server=True),
    }
    return Values(texts, {"server_options": options_as_texts(spec.channel_args)})


def client_values(spec: ClientSpec, place: PodPlace, target: str, name: str, port: int, dns: str) -> Values:
    """Return the values of the placeholders in a client pod.

    Args:
        spec: the pod's spec.
        place: what the platform knows of the pod.
        target: the gRPC target of the servers.
        name: their DNS name.
        port: their port.
        dns: the DNS server that knows the name.
    """
    texts = _texts(spec.program, place, spec.texts) | {
        "target": target,
        "name": name,
        "port": str(port),
        "dns": dns,
        "channel_options": options_as_json(spec.channel_args),
        "service_config": spec.service_config or "",
        "start_at": repr(spec.start_at),
        "duration": repr(spec.duration),
        "rate": repr(spec.rate),
        "rates": spec.rates,
        "clients": str(spec.clients),
        "timeout": repr(spec.timeout),
        "seed": str(spec.seed),
        "request_size": str(spec.request_size or ""),
        "answer_size": str(spec.answer_size or ""),
        **_stream(spec.stream),
        **_tls(place.certificates, is_server=False),
    }
    return Values(texts, {"channel_options": options_as_texts(spec.channel_args)})


def _tls(certificates: Certificates | None, *, is_server: bool) -> dict[str, str]:
    if certificates is None:
        return {}
    shows, checks = is_server or certificates.clients, not is_server or certificates.clients
    return {
        "tls_ca": certificates.ca if checks else "",
        "tls_certificate": certificates.certificate if shows else "",
        "tls_key": certificates.key if shows else "",
    }


def _cold(cold: ColdSpec | None) -> dict[str, str]:
    if cold is None:
        return {}
    return {
        "cold_factor": repr(cold.factor),
        "cold_seconds": repr(cold.seconds) if cold.seconds is not None else "",
        "cold_rpcs": str(cold.rpcs or ""),
    }


def _stream(stream: StreamSpec | None) -> dict[str, str]:
    if stream is None:
        return {}
    return {
        "stream_kind": stream.kind,
        "stream_rate": repr(stream.rate),
        "stream_life": repr(stream.life),
        "stream_share": repr(stream.share),
    }


def command(program: Program, values: Values) -> list[str]:
    """Return a pod's command, its program first; a relative path to it begins at the subject's folder."""
    filled = fill_command(program.command, values)
    if "/" in filled[0] and not filled[0].startswith("/"):
        filled[0] = f"{program.folder}/{filled[0]}"
    return filled


def environment(program: Program, values: Values) -> dict[str, str]:
    """Return the variables of a pod that its program asks for."""
    return {name: fill(text, values.texts) for name, text in program.env.items()}


def _texts(program: Program, place: PodPlace, texts: Mapping[str, str]) -> dict[str, str]:
    return {
        **texts,
        "pod": place.pod,
        "otlp_endpoint": place.otlp_endpoint,
        "folder": program.folder,
        "python": place.python,
        "repository": place.repository,
    }
