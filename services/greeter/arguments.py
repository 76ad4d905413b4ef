"""Command-line arguments that both programs take, and how a bad one is told: one line, exit status 2."""

import argparse
import ipaddress
import math
from typing import NoReturn


class Parser(argparse.ArgumentParser):
    """An argument parser whose errors are one line, without the usage before it."""

    def error(self, message: str) -> NoReturn:
        """Say what is wrong and exit with status 2."""
        self.exit(2, f"{self.prog}: error: {' '.join(message.split())}\n")


def address(text: str) -> str:
    """``IP:PORT`` or ``[IP6]:PORT``, with a port from 0 (any free one) to 65535."""
    host, _, port = text.rpartition(":")
    try:
        ipaddress.ip_address(host.removeprefix("[").removesuffix("]"))
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is not IP:PORT") from None
    if not (port.isascii() and port.isdecimal() and int(port) <= 65535):
        raise argparse.ArgumentTypeError(f"{text!r} has no port from 0 to 65535")
    return text


def loopback_address(text: str) -> str:
    """An ``address`` that only this machine, or this pod, can reach."""
    host = address(text).rpartition(":")[0].removeprefix("[").removesuffix("]")
    if not ipaddress.ip_address(host).is_loopback:
        raise argparse.ArgumentTypeError(f"{text!r} is not on loopback")
    return text


def positive(text: str) -> float:
    """A finite number greater than zero."""
    value = _finite(text)
    if value <= 0:
        raise argparse.ArgumentTypeError(f"{text!r} is not greater than 0")
    return value


def not_negative(text: str) -> float:
    """A finite number of at least zero."""
    value = _finite(text)
    if value < 0:
        raise argparse.ArgumentTypeError(f"{text!r} is less than 0")
    return value


def count(text: str) -> int:
    """A whole number from 1 to 100000."""
    try:
        value = int(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number") from None
    if not 1 <= value <= 100_000:
        raise argparse.ArgumentTypeError(f"{text!r} is not from 1 to 100000")
    return value


def channel_argument(text: str) -> tuple[str, int | str]:
    """``KEY=VALUE``, a gRPC channel or server argument; a value that reads as an integer is one."""
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
