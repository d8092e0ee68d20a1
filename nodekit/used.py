"""CPU that a service has used: a counter that goes on when one of its processes ends."""

from collections.abc import Iterable

from nodekit.processes import Process


class Used:
    """One service's seconds of CPU: those of processes that were seen, also of those that ended since."""

    def __init__(self) -> None:
        self.seconds = 0.0
        self._last: dict[Process, float] = {}

    def add(self, now: Iterable[tuple[Process, float]]) -> float:
        """Note what each living process has used; returns the counter."""
        seen = dict(now)
        self.seconds += sum(cpu - self._last.get(process, 0.0) for process, cpu in seen.items())
        self._last = seen
        return self.seconds
