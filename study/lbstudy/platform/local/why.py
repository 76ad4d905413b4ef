"""Why a server pod is not Ready: what its processes listen on."""

from collections.abc import Iterable

import psutil


def listening(pid: int) -> set[tuple[str, int]] | None:
    """Return the TCP addresses on which a process and its descendants listen; None if unknown."""
    try:
        process = psutil.Process(pid)
        everyone = [process, *process.children(recursive=True)]
        return {
            (connection.laddr.ip, connection.laddr.port)
            for each in everyone
            for connection in each.net_connections("tcp")
            if connection.status == psutil.CONN_LISTEN
        }
    except (psutil.Error, OSError):
        return None


def elsewhere(sockets: Iterable[tuple[str, int]], host: str, port: int) -> str:
    """Describe what is wrong with where a server listens; "" if it listens where it should."""
    addresses = sorted(sockets)
    if (host, port) in addresses or (f"::ffff:{host}", port) in addresses:
        return ""
    shown = ", ".join(f"[{ip}]:{at}" if ":" in ip else f"{ip}:{at}" for ip, at in addresses[:5])
    if any(at == port and ip in {"0.0.0.0", "::"} for ip, at in addresses):
        return f"it listens on every address ({shown}), and must listen on {{address}} alone"
    if addresses:
        return f"it listens on {shown} instead of {host}:{port}"
    return f"it runs, and does not listen on {host}:{port}"
