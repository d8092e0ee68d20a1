"""Lines of one file that grows and is rotated: by rename, copy and truncation, deletion, with compression.

The file that is read is held open and read to its end; only then its successors are looked for, in the order
in which they were last written. Where a file went is found by its contents, also after a restart.
"""

import logging
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from exporter.collector import CollectorError
from exporter.logs.place import Edges, Part, Place, alike, begins_like, edges, holds, opened, rotated
from exporter.logs.trouble import Trouble

log = logging.getLogger(__name__)

BLOCK = 1 << 18
"""Bytes that are read at once."""
LONGEST = 16 << 20
"""Bytes of a line; a longer one is cut into several."""
MOST = 64
"""Rotated files that are held open at once."""
TRIES = 5
"""Looks at a folder in which files are being renamed."""
FORGIVEN = 3.0
"""Seconds for which a file may be missing: between its renaming and its creation."""
_COARSE = 1_000_000_000
"""Nanoseconds to which a compressed file's time may be rounded."""


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
            self._turn_to(self._chain(self._place, lost=True), self._place)
            return
        current = self._current()
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
            self._turn_to(self._following(here), here)

    def _here(self) -> Place:
        return self.place or Place(0, "", "", 0)

    def _following(self, here: Place) -> list[Part]:
        """What comes after a file that was read to its end. Raises OSError.

        The last file of those that are held may have been rotated while others were read: what is beside it is
        looked for again.
        """
        if len(self._later) > 1:
            return self._later
        fresh = self._chain(here, lost=False)
        if len(fresh) > 1 and holds(fresh[0], here):
            fresh.pop(0).close()
        for part in self._later:
            known = any(part.identity == one.identity or alike(part, one) for one in fresh)
            if known or not part.stat().st_size:
                part.close()
            else:
                fresh.insert(0, part)
        return fresh

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
                self._turn_to(self._chain(place, lost=True), place)
                state = self._state(self._part)
                continue
            if data or here.offset:
                self._mtime = state[
                    1
                ]  # an empty file that is newer may have been cut: its copy is not read yet
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

    def _current(self) -> Part | None:
        try:
            return opened(self._path)
        except FileNotFoundError:
            return None

    def _chain(self, place: Place, *, lost: bool) -> list[Part]:
        """What has to be read from the place on, oldest first, opened. `lost`: tell when it is nowhere."""
        current = self._current()
        if current is not None and holds(current, place):
            return [current]
        beside = self._beside(place)
        ours = next((part for part in beside if holds(part, place)), None)
        if ours is None and lost and place.offset:
            log.warning("%s was rotated away, some of its lines may be lost", self._path)
        after = place.mtime if ours is None else ours.stat().st_mtime_ns
        chosen = [
            part
            for part in beside
            if part.stat().st_mtime_ns > after
            and not _is_known(part, place)
            and not (current and alike(part, current))
        ]
        chosen.sort(key=lambda part: part.stat().st_mtime_ns)
        every = [part for part in (ours, *chosen) if part is not None]
        if current is not None and (not every or current.stat().st_size):
            every.append(current)  # while it is empty its writer may still write into the last one
        for part in ({*beside, *([current] if current else [])} - set(every)) | set(every[MOST:]):
            part.close()
        return every[:MOST]

    def _beside(self, place: Place) -> list[Part]:
        """Rotated files that are not older than a place, each once."""
        for _ in range(TRIES):
            found: dict[tuple[int, int], Part] = {}
            gone = False
            for path in rotated(self._path):
                try:
                    if path.stat().st_mtime_ns >= place.mtime - _COARSE:
                        part = opened(path)
                        found.setdefault(part.identity, part)
                except FileNotFoundError:
                    gone = True  # renamed or compressed a moment ago: look again
            if not gone:
                break
            for part in found.values():
                part.close()
        return list(found.values())


def _is_known(part: Part, place: Place) -> bool:
    """Whether it is a copy of the file that was read up to the place: a whole, or a shorter one."""
    return holds(part, place) or (begins_like(part, place) and not part.read_at(place.offset, 1))


def _trouble(path: Path, error: OSError) -> CollectorError:
    if isinstance(error, FileNotFoundError):
        return CollectorError(Trouble.NO_FILE, f"{path} does not exist")
    if isinstance(error, PermissionError):
        return CollectorError(Trouble.NO_PERMISSION, f"{path} may not be read by this user")
    return CollectorError(Trouble.UNREADABLE, f"{path}: {error.strerror or error}")
