"""Whose turn it is: so many commands run at once, so many of a service; the others wait in their order."""

import threading
from collections import deque
from collections.abc import Callable, Mapping

from actuator.agent.offer import Offer
from actuator.remote.wire import Command

Start = Callable[[str, Command], None]
"""Has a command of a service run by another thread; never waits."""


class Turns:
    """Thread safe. A turn that was taken or started ends with `over`; its books may take longer."""

    def __init__(self, offers: Mapping[str, Offer], parallel: int, queue: int, start: Start) -> None:
        """`queue`: the most commands that may wait. `start` is called with our lock held."""
        self._offers = offers
        self._parallel = parallel
        self._most = queue
        self._start = start
        self._lock = threading.Condition()
        self._waiting: dict[str, deque[Command]] = {}
        self._running: dict[str, int] = {}
        self._active: set[str] = set()
        """task_ids that wait or run."""
        self._closed = False
        self._booking = 0
        """Commands that are done and not in metrics and log yet."""

    def take(self, name: str) -> bool:
        """Whether a command of a service may begin now; then its turn is taken."""
        with self._lock:
            free = self._running.get(name, 0) < self._offers[name].parallel and not self._waiting.get(name)
            if self._closed or not free or sum(self._running.values()) >= self._parallel:
                return False
            self._running[name] = self._running.get(name, 0) + 1
            return True

    def give_back(self, name: str) -> None:
        """A turn that was taken is not used."""
        with self._lock:
            self._running[name] -= 1

    def begins(self, command: Command) -> None:
        """A command uses the turn that was taken."""
        with self._lock:
            self._active.add(str(command.task_id))

    def enqueue(self, name: str, command: Command) -> None:
        """It waits, or begins at once if it may."""
        with self._lock:
            self._active.add(str(command.task_id))
            self._waiting.setdefault(name, deque()).append(command)
            self._pump()

    def _pump(self) -> None:
        """Start what may start; the lock is held."""
        for name, waiting in self._waiting.items():
            most = self._offers[name].parallel
            while waiting and self._running.get(name, 0) < most and not self._closed:
                if sum(self._running.values()) >= self._parallel:
                    return
                command = waiting.popleft()
                self._running[name] = self._running.get(name, 0) + 1
                self._start(name, command)

    def over(self, name: str, command: Command, *, books: bool) -> None:
        """Its turn ends; `books`: `booked` follows."""
        with self._lock:
            self._running[name] -= 1
            self._active.discard(str(command.task_id))
            self._pump()
            self._booking += books
            self._lock.notify_all()

    def booked(self) -> None:
        """A command is in metrics and log."""
        with self._lock:
            self._booking -= 1
            self._lock.notify_all()

    def has(self, command: Command) -> bool:
        """Whether a command with this task_id waits or runs."""
        with self._lock:
            return str(command.task_id) in self._active

    def full(self) -> str | None:
        """Why no further command may wait."""
        with self._lock:
            enough = sum(map(len, self._waiting.values())) >= self._most
        return f"{self._most} commands wait already" if enough else None

    def sizes(self) -> tuple[int, int]:
        """How many commands wait, and how many run."""
        with self._lock:
            return sum(map(len, self._waiting.values())), sum(self._running.values())

    def close(self, patience: float) -> None:
        """Start nothing more and wait for what runs."""
        with self._lock:
            self._closed = True
            self._lock.wait_for(lambda: not (any(self._running.values()) or self._booking), patience)
