"""Runs the probe and waits for what it tells."""

import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.discovery.lab.referee import TracedResolution, read_trace

Message = dict[str, Any]
PATIENCE = 150.0  # s, a guard against hanging only


class Probe:
    """A probe process; `log` is the file with gRPC's own trace."""

    def __init__(self, log: Path, *arguments: str, env: dict[str, str] | None = None) -> None:
        self.log = log
        self.messages: list[Message] = []
        self._news = threading.Condition()
        self._ended = False
        ours = ("GRPC", "OTEL")
        inherited = {name: value for name, value in os.environ.items() if not name.startswith(ours)}
        self._file = log.open("wb")
        self.process = subprocess.Popen(
            [sys.executable, str(Path(__file__).with_name("probe.py")), *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._file,
            text=True,
            env={
                **inherited,
                "GRPC_VERBOSITY": "debug",
                "GRPC_TRACE": "event_engine_client_channel_resolver,cares_resolver,subchannel",
                "TZ": "UTC",
                **(env or {}),
            },
        )
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def command(self, answer: str, **command: Any) -> Message:  # noqa: ANN401 - JSON
        """Give a command and wait for the message that has this key."""
        seen = len(self.messages)
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps(command) + "\n")
        self.process.stdin.flush()
        return self.wait(lambda message: answer in message, since=seen)

    def open(self, target: str, **options: int | str) -> Message:
        named = [["grpc." + name, value] for name, value in options.items()]
        return self.command("opened", open=target, options=named)

    def call(self, channel: int = 0, times: int = 1) -> list[str]:
        answers: list[str] = self.command("answers", call=channel, times=times)["answers"]
        return answers

    def wait(self, wanted: Callable[[Message], bool], since: int = 0) -> Message:
        """The first message from that index on that is wanted."""
        found: list[Message] = []

        def arrived() -> bool:
            found.extend(message for message in self.messages[since:] if wanted(message))
            return bool(found) or self._ended

        with self._news:
            assert self._news.wait_for(arrived, PATIENCE), f"not told: {self.messages}"
        assert found, f"the probe ended: {self.log.read_text(errors='replace')[-2000:]}"
        return found[0]

    def wait_trace(self, text: str) -> None:
        """Until gRPC's trace has this text; a file tells nobody that it grows."""
        end = time.monotonic() + PATIENCE
        while text not in self.log.read_text(errors="replace"):
            assert time.monotonic() < end, f"not in the trace: {text}"
            time.sleep(0.01)

    def traced(self, count: int) -> list[TracedResolution]:
        """The resolutions in gRPC's trace, once it has told of so many."""
        end = time.monotonic() + PATIENCE
        while len(found := read_trace(self.log).resolutions) < count:
            assert time.monotonic() < end, f"not in the trace: {count} resolutions"
            time.sleep(0.01)
        return found

    def wait_update(self, since: int = 0, **wanted: object) -> Message:
        message = self.wait(lambda message: _has(message.get("update"), wanted), since)
        update: Message = message["update"]
        return update

    def wait_subchannel(self, since: int = 0, **wanted: object) -> Message:
        message = self.wait(lambda message: _has(message.get("subchannel"), wanted), since)
        event: Message = message["subchannel"]
        return event

    def all(self, kind: str) -> list[Any]:
        return [message[kind] for message in self.messages if kind in message]

    def quit(self) -> int:
        """End the program in an orderly way; returns its exit status."""
        if self.process.poll() is None:
            assert self.process.stdin is not None
            self.process.stdin.write('{"quit": 1}\n')
            self.process.stdin.close()
        status = self.process.wait(PATIENCE)
        self._reader.join(PATIENCE)
        return status

    def close(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        self._reader.join(PATIENCE)
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        if not self.process.stdin.closed:
            self.process.stdin.close()
        self.process.stdout.close()
        self._file.close()

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            with self._news:
                self.messages.append(json.loads(line))
                self._news.notify_all()
        with self._news:
            self._ended = True
            self._news.notify_all()


def _has(record: Message | None, wanted: dict[str, object]) -> bool:
    return record is not None and all(record[name] == value for name, value in wanted.items())
