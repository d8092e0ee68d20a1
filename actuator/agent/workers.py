"""Threads that wait for the ends of commands."""

import queue
import threading
from collections.abc import Callable

Job = Callable[[], None]


class Workers:
    """As many threads as there were jobs at once; an idle one takes the next: to wake one is quicker."""

    def __init__(self) -> None:
        self._jobs: queue.SimpleQueue[Job] = queue.SimpleQueue()
        self._lock = threading.Lock()
        self._idle = 0
        """Threads that wait for a job."""

    def hand(self, job: Job) -> None:
        """Have it done; never waits."""
        with self._lock:
            idle = self._idle > 0
            self._idle -= idle
        if idle:
            self._jobs.put(job)
        else:
            threading.Thread(target=self._work, args=(job,), daemon=True).start()

    def _work(self, job: Job) -> None:
        while True:
            job()
            with self._lock:
                self._idle += 1
            job = self._jobs.get()
