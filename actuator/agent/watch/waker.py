"""Tells at once when a process ends: the kernel says so (pidfd), or all are looked at twice a second."""

import contextlib
import logging
import os
import select
import threading
from collections.abc import Callable

from nodekit.processes import Process

log = logging.getLogger(__name__)

POLL = 0.5
"""Seconds between looks without pidfd."""


class Waker:
    """One thread for all processes. `ended(name)` is called by it."""

    def __init__(self, ended: Callable[[str], None], *, pidfd: bool | None = None) -> None:
        """`pidfd`: whether the kernel is asked; by default when it can be."""
        self.pidfd = has_pidfd() if pidfd is None else pidfd
        self._ended = ended
        self._lock = threading.Lock()
        self._watched: dict[str, tuple[Process, int | None]] = {}
        """Service → its process and the pidfd, if there is one."""
        self._names: dict[int, str] = {}
        self._poll = select.poll()
        self._stopped = threading.Event()
        self._read, self._write = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)
        self._poll.register(self._read, select.POLLIN)
        self._thread = threading.Thread(target=self._run, name="waker", daemon=True)

    def start(self) -> None:
        """Begin to watch."""
        self._thread.start()

    def stop(self) -> None:
        """End the thread and close what it holds."""
        self._stopped.set()
        os.write(self._write, b".")
        self._thread.join(5)
        for name in list(self._watched):
            self.watch(name, None)
        os.close(self._read)
        os.close(self._write)

    def watch(self, name: str, process: Process | None) -> None:
        """Watch a service's process from now on; None: it has none. What has ended already is told too."""
        with self._lock:
            old = self._watched.get(name)
            if (old and old[0]) == process:
                return
            self._drop(name)
            if process is None:
                return
            self._watched[name] = (process, self._register(name, process))
        with contextlib.suppress(BlockingIOError):
            os.write(self._write, b".")  # a poll that runs does not know it yet

    def _register(self, name: str, process: Process) -> int | None:
        if not self.pidfd:
            return None
        try:
            descriptor = os.pidfd_open(process.pid)
        except OSError as error:  # gone, or no descriptors are left
            log.debug("pid %d is polled: %s", process.pid, error)
            return None
        if not process.alive:  # the pid may have been given away before we opened it
            os.close(descriptor)
            return None
        self._names[descriptor] = name
        self._poll.register(descriptor, select.POLLIN)
        return descriptor

    def _drop(self, name: str) -> None:
        _, descriptor = self._watched.pop(name, (None, None))
        if descriptor is not None:
            self._poll.unregister(descriptor)
            del self._names[descriptor]
            os.close(descriptor)

    def _run(self) -> None:
        while not self._stopped.is_set():
            ready = self._poll.poll(POLL * 1000 if self._by_looking() else None)
            for descriptor, _ in ready:
                self._told(descriptor)
            for name, process in self._by_looking():
                if not process.alive:
                    self._tell(name, process)

    def _by_looking(self) -> list[tuple[str, Process]]:
        with self._lock:
            return [(name, one) for name, (one, descriptor) in self._watched.items() if descriptor is None]

    def _told(self, descriptor: int) -> None:
        if descriptor == self._read:
            with contextlib.suppress(BlockingIOError):
                os.read(self._read, 4096)
            return
        with self._lock:
            name = self._names.get(descriptor)
            process = self._watched[name][0] if name is not None else None
        if name is not None and process is not None:
            self._tell(name, process)

    def _tell(self, name: str, process: Process) -> None:
        with self._lock:
            if name not in self._watched or self._watched[name][0] != process:
                return
            self._drop(name)
        self._ended(name)


def has_pidfd() -> bool:
    """Whether this kernel and this Python tell the end of processes that are not our children."""
    try:
        os.close(os.pidfd_open(os.getpid()))
    except (AttributeError, OSError):
        return False
    return True
