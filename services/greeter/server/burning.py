"""CPU and memory that are used up for nothing, until they are given back."""

import hashlib
import math
import mmap
import threading
import time

_PERIOD = 0.02  # s over which a fraction of a core is burnt
_BLOCK = bytes(1 << 16)
_PAGE = mmap.PAGESIZE


class Burning:
    """Burns so many cores from its making until ``stop``.

    Hashing a large block lets go of Python's global lock: what the server feels is the want of CPU, as it
    would from a neighbour, and not of the interpreter.
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
        """End, and wait for it: at most some milliseconds."""
        self._stopped.set()
        for thread in self._threads:
            thread.join()

    def _burn(self, share: float) -> None:
        """Use this share of each period, as the thread's own clock has it: what it does not get it lacks."""
        while not self._stopped.is_set():
            began, until = time.monotonic(), time.thread_time() + share * _PERIOD
            while time.thread_time() < until and not self._stopped.is_set():
                hashlib.sha256(_BLOCK)
            self._stopped.wait(max(0.0, began + _PERIOD - time.monotonic()))


class Memory:
    """Holds so many bytes, resident, from ``grow`` until ``release``.

    A mapping of its own and not the interpreter's memory, which would keep what it is given back.
    """

    def __init__(self, size: int) -> None:
        self._map = mmap.mmap(-1, size)
        self._size = size

    def grow(self) -> None:
        """Touch every page: memory that was never written to is none."""
        for start in range(0, self._size, _PAGE):
            self._map[start] = 1

    def release(self) -> None:
        """Give it back."""
        self._map.close()
