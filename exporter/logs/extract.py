"""Files with the lines that were found: `FOLDER/PREFIX20261120_195536.log`, a new one every so often."""

import contextlib
import logging
import os
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Written:
    """The file that is written to, when it was begun, and how many bytes of it are known to be right."""

    name: str
    begun: float
    size: int


class Extracts:
    """Appends lines. What a crash left beyond `written` is cut away: it is read again from the log."""

    def __init__(
        self, folder: Path, prefix: str, *, every: float, keep: float, largest: int, written: Written | None
    ) -> None:
        self._folder = folder
        self._prefix = prefix
        self._every = every
        self._keep = keep
        self._largest = largest
        self.written = written
        """After the last `add`."""
        self._warned = False
        self._cut()

    def add(self, lines: bytes, now: float) -> None:
        """Append lines. What cannot be written is logged once, and left out."""
        here = self.written
        if here is None or now - here.begun >= self._every or not (self._folder / here.name).exists():
            here = self._next(now)
        room = self._largest - here.size
        if room <= 0:
            return
        if len(lines) > room:
            lines = lines[: lines.rfind(b"\n", 0, room) + 1] + b"(more lines: the file is full)\n"
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            with (self._folder / here.name).open("ab") as file:
                file.write(lines)
        except OSError as error:
            if not self._warned:
                log.warning("%s: lines cannot be written: %s", self._folder, error.strerror)
            self._warned = True
        else:
            self._warned = False
            self.written = Written(here.name, here.begun, here.size + len(lines))

    def _next(self, now: float) -> Written:
        """A file that is not there yet; those that are too old go."""
        with contextlib.suppress(OSError):
            for path in self._folder.glob(f"{self._prefix}[0-9]*_[0-9]*.log"):
                if now - path.stat().st_mtime > self._keep:
                    path.unlink()
        second = now
        while True:
            name = f"{self._prefix}{datetime.fromtimestamp(second).astimezone():%Y%m%d_%H%M%S}.log"
            if not (self._folder / name).exists():
                return Written(name, now, 0)
            second += 1

    def _cut(self) -> None:
        if self.written is None:
            return
        path = self._folder / self.written.name
        with contextlib.suppress(OSError):
            if path.stat().st_size > self.written.size:
                os.truncate(path, self.written.size)
