"""Virtual time: events in order, nothing in between."""

import heapq
from collections.abc import Callable
from typing import Any


class Engine:
    """A clock that jumps from event to event. `now` is true time in unix seconds."""

    __slots__ = ("_heap", "_number", "now")

    def __init__(self, now: float) -> None:
        self.now = now
        self._heap: list[tuple[float, int, Callable[..., None], tuple[Any, ...]]] = []
        self._number = 0

    def at(self, moment: float, call: Callable[..., None], *arguments: Any) -> None:
        """Call at a moment (not before now); events of one moment keep their order."""
        self._number += 1
        heapq.heappush(self._heap, (max(moment, self.now), self._number, call, arguments))

    def after(self, seconds: float, call: Callable[..., None], *arguments: Any) -> None:
        """Call in so many seconds."""
        self._number += 1
        heapq.heappush(self._heap, (self.now + max(0.0, seconds), self._number, call, arguments))

    def run(self, until: float) -> None:
        """Let time pass."""
        heap = self._heap
        while heap and heap[0][0] <= until:
            self.now, _, call, arguments = heapq.heappop(heap)
            call(*arguments)
        self.now = max(self.now, until)
