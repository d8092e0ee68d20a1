"""A file that grows and is rotated in every way: each line once, over restarts too."""

import gzip
import os
import random
import shutil
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

import pytest

from exporter.collector import CollectorError
from exporter.logs import follow
from exporter.logs.follow import FileLines
from exporter.logs.place import Place, PlainPart, rotated


class Writer:
    """Writes numbered lines, as a program that opens its log to append."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.written = 0
        self._file = -1
        self.reopen()

    def write(self, lines: int = 1) -> None:
        first, self.written = self.written, self.written + lines
        lines = b"".join(b"line %06d of the log\n" % number for number in range(first, self.written))
        os.write(self._file, lines)

    def reopen(self) -> None:
        self.__del__()
        self._file = os.open(self.path, os.O_CREAT | os.O_APPEND | os.O_WRONLY)

    def __del__(self) -> None:
        if self._file >= 0:
            os.close(self._file)


class Reader:
    """Follows a file and notes the numbers of its lines; `restart` keeps what a state file would."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.read: list[int] = []
        self.lines = FileLines(path)

    def look(self) -> None:
        for block in self.lines.blocks():
            assert block.endswith(b"\n")
            self.read += [int(line.split()[1]) for line in block.splitlines()]

    def restart(self) -> None:
        place = self.lines.place
        self.lines.close()
        self.lines = FileLines(self.path, None if place is None else Place(**asdict(place)))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "nodeos.log"


def started(path: Path) -> tuple[Writer, Reader]:
    writer, reader = Writer(path), Reader(path)
    reader.look()
    return writer, reader


def by_rename(writer: Writer) -> None:
    """As logrotate does without options: every file gets the next number."""
    path = writer.path
    numbered = sorted((one for one in rotated(path)), key=lambda one: len(one.name) * 1000 + number(one))
    for one in reversed(numbered):
        gz = ".gz" if one.suffix == ".gz" else ""
        one.rename(path.with_name(f"{path.name}.{number(one) + 1}{gz}"))
    path.rename(path.with_name(path.name + ".1"))
    writer.reopen()


def number(path: Path) -> int:
    return int(path.name.removesuffix(".gz").rpartition(".")[2])


def by_copy(writer: Writer) -> None:
    """As logrotate's copytruncate and pm2-logrotate do."""
    stamp = f"__2026-11-20_00-00-{writer.written:08d}"
    shutil.copyfile(writer.path, writer.path.with_name(f"{writer.path.stem}{stamp}.log"))
    os.truncate(writer.path, 0)


def by_deletion(writer: Writer) -> None:
    """The file is gone; what was not read of it is read from the descriptor that is held."""
    writer.path.unlink()
    writer.reopen()


def by_lumberjack(writer: Writer) -> None:
    """Renames to a name with the time, and compresses."""
    old = writer.path.with_name(f"nodeos-2026-11-20T00-00-{writer.written:08d}.log")
    writer.path.rename(old)
    writer.reopen()
    compress(old)


def compress(old: Path) -> None:
    new = old.with_name(old.name + ".gz")
    with gzip.open(new, "wb") as file:
        file.write(old.read_bytes())
    found = old.stat()
    os.utime(new, ns=(found.st_atime_ns, found.st_mtime_ns))
    old.unlink()


def by_rename_compressed(writer: Writer) -> None:
    by_rename(writer)
    compress(writer.path.with_name(writer.path.name + ".1"))


ROTATIONS = [by_rename, by_rename_compressed, by_copy, by_lumberjack]
Rotation = Callable[[Writer], None]


def test_it_begins_at_the_end_and_waits_for_the_end_of_a_line(path: Path) -> None:
    path.write_bytes(b"line 000000 was here before\nline 00")
    reader = Reader(path)
    reader.look()
    with path.open("ab") as file:
        file.write(b"0001 is")
        file.flush()
        reader.look()
        assert reader.read == []
        file.write(b" whole\nline 000002\n")
    reader.look()

    assert reader.read == [1, 2]


@pytest.mark.parametrize("restart", [False, True])
@pytest.mark.parametrize("rotate", ROTATIONS)
def test_lines_before_and_after_a_rotation_are_read_once(path: Path, rotate: Rotation, restart: bool) -> None:
    writer, reader = started(path)
    for _ in range(4):
        writer.write(3)
        reader.look()
        writer.write(2)  # nobody looks at these before the rotation
        if restart:
            reader.restart()
        rotate(writer)
        writer.write(4)
        reader.look()

    assert reader.read == list(range(writer.written))


@pytest.mark.parametrize("restart", [False, True])
@pytest.mark.parametrize("rotate", ROTATIONS)
def test_several_rotations_between_two_looks_lose_nothing(
    path: Path, rotate: Rotation, restart: bool
) -> None:
    writer, reader = started(path)
    writer.write(5)
    reader.look()
    for _ in range(12):
        writer.write(3)
        os.utime(path, ns=(0, path.stat().st_mtime_ns + writer.written * 10_000_000))
        rotate(writer)
    if restart:
        reader.restart()
    writer.write(1)
    os.utime(path, ns=(0, path.stat().st_mtime_ns + 10**12))
    reader.look()

    assert reader.read == list(range(writer.written))


def test_a_deleted_file_is_read_to_its_end_when_it_is_made_again(path: Path) -> None:
    writer, reader = started(path)
    writer.write(3)
    reader.look()
    writer.write(3)
    by_deletion(writer)
    writer.write(3)
    reader.look()

    assert reader.read == list(range(9))


def test_a_writer_that_still_writes_into_the_renamed_file_is_heard(path: Path) -> None:
    writer, reader = started(path)
    writer.write(2)
    path.rename(path.with_name("nodeos.log.1"))
    path.touch()  # logrotate's `create`: the signal to the writer comes later
    reader.look()
    writer.write(2)
    reader.look()
    writer.reopen()
    writer.write(2)
    reader.look()

    assert reader.read == list(range(6))


def test_a_file_that_was_cut_and_has_grown_beyond_the_place_is_read_from_its_start(path: Path) -> None:
    writer, reader = started(path)
    writer.write(200)
    reader.look()
    by_copy(writer)
    writer.write(300)
    reader.look()

    assert reader.read == list(range(500))


def test_lines_that_were_read_after_the_copy_was_made_are_not_read_again_from_it(path: Path) -> None:
    writer, reader = started(path)
    writer.write(100)
    shutil.copyfile(path, path.with_name("nodeos.log.1"))
    writer.write(20)
    reader.look()
    os.truncate(path, 0)
    writer.write(3)
    reader.look()

    assert reader.read == list(range(123))


def test_a_hole_that_an_unaware_writer_leaves_after_a_truncation_is_no_line(path: Path) -> None:
    with path.open("wb", buffering=0) as file:
        reader = Reader(path)
        reader.look()
        file.write(b"line 000000\n" * 500)
        reader.look()
        os.truncate(path, 0)
        file.write(b"line 000001\n")
        reader.look()

    assert reader.read == [0] * 500 + [1]


def test_another_log_beside_it_is_no_rotated_one(path: Path) -> None:
    for name in (
        "nodeos-b.log",
        "nodeos2.log",
        "nodeos.log.swp",
        "nodeos.conf",
        "nodeos.log.1",
        "nodeos.log.2.gz",
    ):
        path.with_name(name).touch()
    for name in (
        "nodeos-20261120.log",
        "nodeos__2026-11-20_00-00-00.log.gz",
        "nodeos.log.old",
        "nodeos.log-20261120.gz",
    ):
        path.with_name(name).touch()

    assert {one.name for one in rotated(path)} == {
        "nodeos.log.1", "nodeos.log.2.gz", "nodeos-20261120.log", "nodeos__2026-11-20_00-00-00.log.gz",
        "nodeos.log.old", "nodeos.log-20261120.gz",
    }  # fmt: skip


def test_a_missing_file_has_a_reason_and_is_read_from_its_start_when_it_comes(path: Path) -> None:
    reader = Reader(path)
    with pytest.raises(CollectorError) as caught:
        reader.look()
    assert caught.value.reason == "no_file"
    Writer(path).write(3)
    reader.look()

    assert reader.read == [0, 1, 2]


def test_a_log_to_which_nothing_was_added_is_not_read(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever its size: what it costs is one look at its name."""
    writer, reader = started(path)
    writer.write(50_000)
    reader.look()
    read: list[int] = []
    real = PlainPart.read_at

    def counted(part: PlainPart, offset: int, size: int) -> bytes:
        read.append(size)
        return real(part, offset, size)

    monkeypatch.setattr(PlainPart, "read_at", counted)
    for _ in range(3):
        reader.look()
    assert read == []
    writer.write(1)
    reader.look()

    assert sum(read) < path.stat().st_size, "one line more is one block more"
    assert reader.read[-1] == 50_000


def test_a_line_that_is_longer_than_a_block_is_whole(path: Path) -> None:
    path.touch()
    lines = FileLines(path)
    list(lines.blocks())
    path.write_bytes(b"x" * (3 * follow.BLOCK) + b"\nshort\n")

    assert [len(block) for block in lines.blocks()] == [3 * follow.BLOCK + 7]


def test_memory_is_bounded_by_a_line_without_end(path: Path) -> None:
    path.touch()
    lines = FileLines(path)
    list(lines.blocks())
    with path.open("wb") as file:
        for _ in range(5):
            file.write(b"x" * (8 << 20))

    assert [len(block) for block in lines.blocks()] == [follow.LONGEST] * 2


def test_hundreds_of_rotations_of_every_kind_with_restarts_at_random(path: Path) -> None:
    rolled = random.Random(7)
    writer, reader = started(path)
    for turn in range(400):
        at = 2 * 10**18 + turn * 10**10  # a clock of its own: a second of real time has too few of its ticks
        writer.write(rolled.randrange(1, 60))
        os.utime(path, ns=(0, at))
        if rolled.random() < 0.6:
            reader.look()
            writer.write(rolled.randrange(3))
            os.utime(path, ns=(0, at + 10**9))
        if rolled.random() < 0.3:
            reader.restart()
        rolled.choice([by_copy, by_lumberjack])(writer)
        for copy in rotated(path):
            if copy.stat().st_mtime_ns < 2 * 10**18:  # a copy made just now
                os.utime(copy, ns=(0, at + 2 * 10**9))
        os.utime(path, ns=(0, at + 3 * 10**9))
    reader.look()

    assert reader.read == list(range(writer.written))


class Clockwork:
    """A writer with a clock of its own for the times of its files: a second of real time has too few of its ticks."""

    def __init__(self, path: Path, seed: int) -> None:
        self._rolled = random.Random(seed)
        self._at = 2 * 10**18
        self._ways = [by_copy, by_lumberjack] if seed % 2 else [by_rename, by_rename_compressed]
        self.writer = Writer(path)

    def act(self) -> None:
        """Write a few lines and perhaps rotate."""
        path = self.writer.path
        self.writer.write(self._rolled.randrange(1, 60))
        self._wind(path)
        if self._rolled.random() < 0.5:
            self._rolled.choice(self._ways)(self.writer)
            for copy in rotated(path):
                if copy.stat().st_mtime_ns < 2 * 10**18:  # a copy made just now
                    self._wind(copy)
            self._wind(path)

    def begin(self) -> None:
        """Write into the file that has the name."""
        self.writer.write(1)
        self._wind(self.writer.path)

    def _wind(self, path: Path) -> None:
        self._at += 10**10
        os.utime(path, ns=(0, self._at))


@pytest.mark.parametrize("seed", range(60))
def test_rotations_of_every_kind_while_it_reads_lose_nothing(
    path: Path, seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A reader that is slow, or far behind, sees the files change between two blocks of one look."""
    monkeypatch.setattr(follow, "BLOCK", 256)
    rolled = random.Random(1000 + seed)
    world = Clockwork(path, seed)
    reader = Reader(path)
    reader.look()
    for _ in range(6):
        for _ in range(rolled.randrange(3)):
            world.act()
        if rolled.random() < 0.3:
            reader.restart()
        for block in reader.lines.blocks():
            reader.read += [int(line.split()[1]) for line in block.splitlines()]
            if rolled.random() < 0.1:
                world.act()
    world.begin()  # until a writer uses its new file it may still write into the old one
    reader.look()

    assert reader.read == list(range(world.writer.written))
