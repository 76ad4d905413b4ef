"""Command-line arguments of all programs. A bad one gets one line on standard error, and exit status 2."""

import argparse
import ipaddress
import math
from pathlib import Path
from typing import NoReturn


class Parser(argparse.ArgumentParser):
    """An argument parser whose errors are one line, without the usage."""

    def error(self, message: str) -> NoReturn:
        """Write what is wrong and exit with status 2."""
        self.exit(2, f"{self.prog}: error: {' '.join(message.split())}\n")


def address(text: str) -> str:
    """Parse ``IP:PORT`` or ``[IP6]:PORT``, with a port from 0 (any free one) to 65535."""
    host, _, port = text.rpartition(":")
    try:
        ipaddress.ip_address(host.removeprefix("[").removesuffix("]"))
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is not IP:PORT") from None
    if not (port.isascii() and port.isdecimal() and int(port) <= 65535):
        raise argparse.ArgumentTypeError(f"{text!r} has no port from 0 to 65535")
    return text


def loopback_address(text: str) -> str:
    """Parse an ``address`` that only this machine, or this pod, can reach."""
    host = address(text).rpartition(":")[0].removeprefix("[").removesuffix("]")
    if not ipaddress.ip_address(host).is_loopback:
        raise argparse.ArgumentTypeError(f"{text!r} is not a loopback address")
    return text


def positive(text: str) -> float:
    """Parse a finite number greater than zero."""
    value = _finite(text)
    if value <= 0:
        raise argparse.ArgumentTypeError(f"{text!r} is not greater than 0")
    return value


def not_negative(text: str) -> float:
    """Parse a finite number of at least zero."""
    value = _finite(text)
    if value < 0:
        raise argparse.ArgumentTypeError(f"{text!r} is less than 0")
    return value


def share(text: str) -> float:
    """Parse a number above 0 and up to 1."""
    value = positive(text)
    if value > 1:
        raise argparse.ArgumentTypeError(f"{text!r} is greater than 1")
    return value


def content(file: str) -> bytes:
    """Read a file."""
    try:
        return Path(file).read_bytes()
    except OSError as error:
        raise argparse.ArgumentTypeError(f"{file!r} cannot be read: {error.strerror}") from None


def factor(text: str) -> float:
    """Parse a finite number of at least 1."""
    value = _finite(text)
    if value < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is less than 1")
    return value


def size(text: str) -> int:
    """Parse the bytes of a message: from 0 to 4,000,000, a little less than gRPC's default limit."""
    value = int(not_negative(text))
    if value > 4_000_000:
        raise argparse.ArgumentTypeError(f"{text!r} is greater than 4000000")
    return value


def count(text: str) -> int:
    """Parse an integer from 1 to 100000."""
    try:
        value = int(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number") from None
    if not 1 <= value <= 100_000:
        raise argparse.ArgumentTypeError(f"{text!r} is not from 1 to 100000")
    return value


def channel_argument(text: str) -> tuple[str, int | str]:
    """Parse ``KEY=VALUE``, a gRPC channel or server argument; VALUE becomes an int if it reads as one."""
    key, separator, value = text.partition("=")
    if not separator or not key:
        raise argparse.ArgumentTypeError(f"{text!r} is not KEY=VALUE")
    try:
        number = int(value)
    except ValueError:
        return key, value
    if not -(2**31) <= number < 2**31:
        raise argparse.ArgumentTypeError(f"{text!r} does not fit gRPC's 32-bit integers")
    return key, number


def _finite(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number") from None
    if not math.isfinite(value):
        raise argparse.ArgumentTypeError(f"{text!r} is not finite")
    return value
