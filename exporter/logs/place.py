"""How far a file was read, told by its contents: a name and an inode are given to another file tomorrow."""

import gzip
import hashlib
import os
import re
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

EDGE = 1024
"""Bytes at the beginning, and before the place, by which a file is known again."""
LONG_EDGE = 64 * EDGE
"""Bytes by which a copy is known: two logs may begin with the same banner."""
_DIGEST = 12
_ROTATED = re.compile(r"(?=.*(?:\d|old|bak))[-._][-._T:Z+\d]*(?:old|bak)?")
"""What rotation adds to a name: `.1`, `-20261101`, `__2026-11-01_00-00-00`, `-2026-11-01T00-00-00.000`."""


@dataclass(frozen=True, slots=True)
class Place:
    """Up to `offset` of the file that begins so (`head`) and has this before the place (`tail`)."""

    offset: int
    head: str
    tail: str
    mtime: int
    """Of the file when it was last looked at, in nanoseconds: rotated files that are newer were not read."""


class Part(Protocol):
    """One file, held open: it can be read to its end whatever becomes of its name."""

    identity: tuple[int, int]
    """Device and inode."""

    def read_at(self, offset: int, size: int) -> bytes:
        """At most `size` bytes; fewer only at the end. Raises OSError."""

    def stat(self) -> os.stat_result:
        """Of the open file."""

    def close(self) -> None:
        """Let go of it."""


class PlainPart:
    """A file as it is."""

    def __init__(self, path: Path) -> None:
        """Raises OSError."""
        self._file = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        found = self.stat()
        self.identity = found.st_dev, found.st_ino

    def read_at(self, offset: int, size: int) -> bytes:
        """See Part."""
        return os.pread(self._file, size, offset)

    def stat(self) -> os.stat_result:
        """See Part."""
        return os.fstat(self._file)

    def close(self) -> None:
        """See Part."""
        os.close(self._file)


class GzipPart:
    """A compressed file, read forwards; going back means from the beginning."""

    def __init__(self, path: Path) -> None:
        """Raises OSError."""
        self._raw = path.open("rb")
        self._file = gzip.GzipFile(fileobj=self._raw)
        found = self.stat()
        self.identity = found.st_dev, found.st_ino
        self._start, self._kept, self._first = 0, b"", b""

    def read_at(self, offset: int, size: int) -> bytes:
        """See Part. What is not compressed whole yet raises OSError."""
        if offset + size <= len(self._first):
            return self._first[offset : offset + size]
        try:
            return self._read(offset, size)
        except (EOFError, zlib.error) as error:
            raise OSError(f"is not compressed whole: {error}") from None

    def _read(self, offset: int, size: int) -> bytes:
        if not self._start <= offset <= self._start + len(self._kept):
            self._start, self._kept = self._file.seek(offset), b""
        missing = offset + size - self._start - len(self._kept)
        if missing > 0:
            known = max(0, offset - self._start - EDGE)  # the tail of a place stays at hand
            self._kept = self._kept[known:] + self._file.read(missing)
            self._start += known
        if self._start == 0:
            self._first = self._kept[:LONG_EDGE]
        return self._kept[offset - self._start :][:size]

    def stat(self) -> os.stat_result:
        """See Part; the size is that of the compressed file."""
        return os.fstat(self._raw.fileno())

    def close(self) -> None:
        """See Part."""
        self._file.close()
        self._raw.close()


def opened(path: Path) -> Part:
    """A file to read. Raises OSError."""
    return GzipPart(path) if path.suffix == ".gz" else PlainPart(path)


@dataclass(frozen=True, slots=True)
class Edges:
    """A place with the bytes by which it is known, while its file is open."""

    offset: int
    head: bytes
    tail: bytes

    def in_part(self, part: Part) -> bool:
        """Whether the file still is what was read."""
        return part.read_at(self.offset - len(self.tail), len(self.tail)) == self.tail

    def after(self, data: bytes) -> "Edges":
        """The place behind what was read next."""
        head = self.head if len(self.head) == EDGE else (self.head + data)[:EDGE]
        tail = data[-EDGE:] if len(data) >= EDGE else (self.tail + data)[-EDGE:]
        return Edges(self.offset + len(data), head, tail)

    def place(self, mtime: int) -> Place:
        """As it is kept on disk: without what the log says."""
        return Place(self.offset, _digest(self.head), _digest(self.tail), mtime)


def edges(part: Part, offset: int) -> Edges:
    """The place `offset` of a file. Raises OSError."""
    length = min(EDGE, offset)
    return Edges(offset, part.read_at(0, length), part.read_at(offset - length, length))


def begins_like(part: Part, place: Place) -> bool:
    """Whether the file begins as that of a place does; False when nothing of that one was read."""
    return place.offset > 0 and _digest(part.read_at(0, min(EDGE, place.offset))) == place.head


def holds(part: Part, place: Place) -> bool:
    """Whether the place is in this file."""
    length = min(EDGE, place.offset)
    return begins_like(part, place) and _digest(part.read_at(place.offset - length, length)) == place.tail


def alike(one: Part, other: Part) -> bool:
    """Whether one is a copy of the other, perhaps an unfinished one."""
    first, second = one.read_at(0, LONG_EDGE), other.read_at(0, LONG_EDGE)
    length = min(len(first), len(second))
    return length > 0 and first[:length] == second[:length]


def rotated(path: Path) -> Iterator[Path]:
    """Files beside it whose names rotation makes of its name."""
    stem, suffix = path.stem, path.suffix
    with os.scandir(path.parent) as entries:
        names = {entry.name for entry in entries if entry.name.startswith(stem) and entry.name != path.name}
    for name in sorted(names, key=lambda name: (len(name), name)):  # .9 before .10: renaming goes upwards
        if name.removesuffix(".gz") != name and name.removesuffix(".gz") in names:
            continue  # is being compressed
        rest = name.removeprefix(stem).removesuffix(".gz")
        if any(_ROTATED.fullmatch(one) for one in (rest.removeprefix(suffix), rest.removesuffix(suffix))):
            yield path.parent / name


def _digest(data: bytes) -> str:
    return hashlib.blake2b(data, digest_size=_DIGEST).hexdigest()
