"""Uses up CPU and memory until it is told to stop."""

import hashlib
import math
import mmap
import threading
import time

_PERIOD = 0.02  # s; each period has a busy and an idle part
_BLOCK = bytes(1 << 16)
_PAGE = mmap.PAGESIZE


class Burning:
    """Keeps so many cores busy from construction until ``stop``.

    Hashing a large block releases Python's global lock. So the server is slowed by the lack of CPU, as by a
    busy neighbour, and not by the interpreter's lock.
    """

    def __init__(self, cores: float) -> None:
        self._stopped = threading.Event()
        count = math.ceil(cores)
        self._threads = [
            threading.Thread(target=self._burn, args=(cores / count,), name="burning", daemon=True)
            for _ in range(count)
        ]
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """Stop, and wait for it: at most some milliseconds."""
        self._stopped.set()
        for thread in self._threads:
            thread.join()

    def _burn(self, share: float) -> None:
        """Use this share of each period, by the thread's own CPU clock."""
        while not self._stopped.is_set():
            began, until = time.monotonic(), time.thread_time() + share * _PERIOD
            while time.thread_time() < until and not self._stopped.is_set():
                hashlib.sha256(_BLOCK)
            self._stopped.wait(max(0.0, began + _PERIOD - time.monotonic()))


class Memory:
    """Holds so many bytes of resident memory from ``grow`` until ``release``.

    It is a mapping of its own, because the interpreter would keep memory that is given back to it.
    """

    def __init__(self, size: int) -> None:
        self._map = mmap.mmap(-1, size)
        self._size = size

    def grow(self) -> None:
        """Write to every page: a page that was never written to uses no memory."""
        for start in range(0, self._size, _PAGE):
            self._map[start] = 1

    def release(self) -> None:
        """Release the memory."""
        self._map.close()
