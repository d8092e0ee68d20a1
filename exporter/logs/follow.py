"""Lines of one file that grows and is rotated: by rename, copy and truncation, deletion, with compression.

The file that is read is held open and read to its end; only then its successors are looked for, in the order
in which they were last written. Where a file went is found by its contents, also after a restart.
"""

import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from exporter.collector import CollectorError
from exporter.logs.place import Edges, Part, Place, edges, holds
from exporter.logs.succession import chain, current_of, following
from exporter.logs.trouble import Trouble

BLOCK = 1 << 18
"""Bytes that are read at once."""
LONGEST = 16 << 20
"""Bytes of a line; a longer one is cut into several."""
FORGIVEN = 3.0
"""Seconds for which a file may be missing: between its renaming and its creation."""


class FileLines:
    """Follows a file. Without a place it begins at the end, or at the start of a file that comes later."""

    def __init__(self, path: Path, place: Place | None = None) -> None:
        self._path = path
        self._place = place
        self._part: Part | None = None
        self._edges = Edges(0, b"", b"")
        """The place in the file that is open."""
        self._mtime = 0
        """Of that file, before it was read last."""
        self._later: list[Part] = []
        self._at_rest: tuple[int, int] | None = None
        """Size and time of the file when there was nothing more to read."""
        self._missing_since: float | None = None
        self._looked_beside = False
        """Whether files that were rotated before a file's first line were looked for."""

    @property
    def place(self) -> Place | None:
        """After all blocks that were handed out; None before the first look."""
        if self._part is not None:
            self._place = self._edges.place(self._mtime)
        return self._place

    @property
    def touched(self) -> float | None:
        """When the file was last written, unix seconds."""
        return None if self._part is None else self._part.stat().st_mtime

    def blocks(self) -> Iterator[bytes]:
        """Whole lines up to the present end, some at a time. Raises CollectorError.

        A block counts as read when it is handed out: take `place` after working on it.
        """
        try:
            if self._part is None:
                self._begin()
            yield from self._all()
            self._looked_beside = False
        except OSError as error:
            self.close()
            raise _trouble(self._path, error) from None

    def close(self) -> None:
        """Let go of all files."""
        self._place = self.place
        for part in (self._part, *self._later):
            if part is not None:
                part.close()
        self._part, self._later, self._at_rest = None, [], None

    def _begin(self) -> None:
        if self._place is not None:
            self._turn_to(chain(self._path, self._place, lost=True), self._place)
            return
        current = current_of(self._path)
        if current is None:
            self._place = Place(0, "", "", time.time_ns())
            raise FileNotFoundError
        end = max(0, current.stat().st_size - BLOCK)
        self._edges = edges(current, end + current.read_at(end, BLOCK).rfind(b"\n") + 1)
        self._part, self._mtime = current, current.stat().st_mtime_ns

    def _all(self) -> Iterator[bytes]:
        while True:
            yield from self._to_the_end()
            if not self._later and not self._moved():
                return
            # What was written before the writer changed files, and a last line without an end.
            yield from self._to_the_end()
            yield from self._rest()
            here = self._here()
            if self._part is not None:
                here = replace(here, mtime=self._part.stat().st_mtime_ns)
            self._turn_to(following(self._path, here, self._later), here)

    def _here(self) -> Place:
        return self.place or Place(0, "", "", 0)

    def _turn_to(self, parts: list[Part], place: Place) -> None:
        """Read the first of them from where its place is, then the others. Raises FileNotFoundError."""
        old, self._place, self._at_rest = self._part, place, None
        self._part, self._later = (parts[0], parts[1:]) if parts else (None, [])
        if old is not None:
            old.close()
        if self._part is None:
            raise FileNotFoundError
        self._looked_beside = True
        begun = holds(self._part, place)
        self._edges = edges(self._part, place.offset if begun else 0)
        # Of a file of which nothing was read, nothing tells its copies from others but that they are newer.
        self._mtime = self._part.stat().st_mtime_ns if begun else place.mtime

    def _to_the_end(self) -> Iterator[bytes]:
        """What the file holds now; if it was cut, what its copy holds beyond, then it from its start."""
        if self._part is None or self._state(self._part) == self._at_rest:
            return
        state = self._state(self._part)
        while True:
            part, here = self._part, self._edges
            data = self._block(part, here.offset)
            if self._is_cut(part, here, data):
                place = self._here()
                self._turn_to(chain(self._path, place, lost=True), place)
                state = self._state(self._part)
                continue
            # An empty file that is newer may have been cut: its copy is not read yet.
            if data or here.offset:
                self._mtime = state[1]
            if not data:
                self._at_rest = state
                return
            self._edges = here.after(data)
            # A writer that was not told of a truncation leaves a hole before its next line.
            yield data.lstrip(b"\0") if data.startswith(b"\0") else data

    @staticmethod
    def _state(part: Part) -> tuple[int, int]:
        """Size and time of a file: while they are the same, nothing was written."""
        found = part.stat()
        return found.st_size, found.st_mtime_ns

    def _is_cut(self, part: Part, here: Edges, data: bytes) -> bool:
        """Whether what was read is of another file than what was read before."""
        if here.offset:
            return not here.in_part(part)
        # Nothing was read of it before: whether it was cut meanwhile shows only beside it.
        beside = bool(data) and not self._looked_beside and not self._later
        return beside or not here.after(data).in_part(part)

    def _block(self, part: Part, offset: int) -> bytes:
        size = BLOCK
        while True:
            data = part.read_at(offset, size)
            cut = data.rfind(b"\n") + 1
            if cut:
                return data if cut == len(data) else data[:cut]
            if len(data) < size:
                return b""
            if size >= LONGEST:
                return data
            size *= 2

    def _rest(self) -> Iterator[bytes]:
        """A last line that nobody will finish."""
        if self._part is not None:
            data = self._part.read_at(self._edges.offset, LONGEST)
            if data:
                self._edges = self._edges.after(data)
                yield data + b"\n"

    def _moved(self) -> bool:
        """Whether another file has the name, and the writer has begun with it."""
        try:
            found = self._path.stat()
        except FileNotFoundError:
            now = time.monotonic()
            self._missing_since = self._missing_since or now
            if now - self._missing_since > FORGIVEN:
                raise
            return False
        self._missing_since = None
        identity = found.st_dev, found.st_ino
        return self._part is not None and identity != self._part.identity and found.st_size > 0


def _trouble(path: Path, error: OSError) -> CollectorError:
    if isinstance(error, FileNotFoundError):
        return CollectorError(Trouble.NO_FILE, f"{path} does not exist")
    if isinstance(error, PermissionError):
        return CollectorError(Trouble.NO_PERMISSION, f"{path} may not be read by this user")
    return CollectorError(Trouble.UNREADABLE, f"{path}: {error.strerror or error}")
