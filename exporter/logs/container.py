"""Lines of a container, from `docker logs` or `podman logs`; the place is the time of the last line."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from exporter.collector import CollectorError
from exporter.logs.program import Program

_STAMP = re.compile(rb"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)\.?(\d*)")
Engine = Literal["docker", "podman"]


@dataclass(frozen=True, slots=True)
class Moment:
    """Behind the `count`th line of the time stamp `time`, as the engine writes it."""

    time: str
    count: int


class ContainerLines:
    """Follows a container. Without a place it begins with what is written from now on."""

    def __init__(self, engine: Engine, name: str, place: Moment | None = None) -> None:
        self._engine = engine
        self._name = name
        self.place = place
        """After all blocks that were handed out; None before the first line."""
        self.touched: float | None = None
        self._known: Moment | None = None
        """The place from which the running program tells, and how many lines of that time it told."""
        self._seen = 0
        self._program: Program | None = None

    def blocks(self) -> Iterator[bytes]:
        """Whole lines that are there, some at a time. Raises CollectorError."""
        if self._program is None:
            self._known, self._seen = self.place, 0
            self._program = Program(self._argv(), both=True)
        while True:
            try:
                told = self._program.lines()
            except CollectorError:
                self.close()
                raise
            if not told:
                return
            block = b"".join(self._new(told))
            if block:
                yield block

    def close(self) -> None:
        """End the program."""
        if self._program is not None:
            self._program.close()
        self._program = None

    def _argv(self) -> list[str]:
        since = "--tail=0" if self.place is None else f"--since={self.place.time}"
        return [self._engine, "logs", "--follow", "--timestamps", since, self._name]

    def _new(self, told: list[bytes]) -> Iterator[bytes]:
        """Lines that were not read before the program was started; `--since` tells some of them again."""
        for line in told:
            stamp, _, text = line.partition(b" ")
            found = _STAMP.match(stamp)
            if found is None:
                continue  # the engine's own words
            time = stamp.decode(errors="replace")
            if self._known is not None and _order(time) <= _order(self._known.time):
                again = _order(time) == _order(self._known.time)
                self._seen += again
                if not again or self._seen <= self._known.count:
                    continue
            before = self.place
            self.place = Moment(time, before.count + 1 if before and before.time == time else 1)
            yield text + b"\n"


def _order(time: str) -> tuple[str, str]:
    """What sorts by time: engines differ in how many digits of a second they write."""
    second, rest = time[:19], time[20:]
    return second, rest[: len(rest) - len(rest.lstrip("0123456789"))].ljust(9, "0")
