"""What /proc says of one process: each file of it, read once."""

import os
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

TICKS = os.sysconf("SC_CLK_TCK")
PAGE = os.sysconf("SC_PAGE_SIZE")
SYSTEMD = Path("/run/systemd/system")
"""There while systemd is the init of what is seen here (sd_booted(3))."""
CONTROL = ("control", ".control")
"""Subgroups of a unit in which systemd runs its ExecStop and the like."""


@dataclass(frozen=True, slots=True)
class Stat:
    """Of /proc/PID/stat: the parent's id, when it began and the CPU it used in ticks, resident pages."""

    parent: int
    ticks: int
    cpu: int
    pages: int


def pids() -> Iterable[int]:
    """All processes of this moment."""
    names = os.listdir("/proc")  # noqa: PTH208 - a Path for each process would be most of the pass
    return (int(name) for name in names if name.isdigit())


def words_of(raw: bytes) -> tuple[str, ...]:
    """A command line's words. A title that a program gave itself is one word, and ends with padding."""
    return tuple(raw.decode("utf-8", "replace").rstrip("\0 ").split("\0"))


def stat_of(pid: int) -> Stat | None:
    """None for a zombie, and for what is gone (proc(5): the fields after the name in brackets)."""
    state, *fields = read(f"/proc/{pid}/stat", 4096).rpartition(b")")[2].split() or [b"X"]
    if state in (b"Z", b"X", b"x"):
        return None
    return Stat(int(fields[0]), int(fields[18]), int(fields[10]) + int(fields[11]), int(fields[20]))


def uid_of(pid: int) -> int | None:
    """As which user a process runs; None when it is gone."""
    for line in read(f"/proc/{pid}/status", 4096).splitlines():
        if line.startswith(b"Uid:"):
            return int(line.split()[2])
    return None


def systemd_runs() -> bool:
    """Whether units can be told apart: systemd is the init here, or of the host whose processes we see."""
    return SYSTEMD.is_dir() or "init.scope" in units_of(1)


def units_of(pid: int) -> list[str]:
    """The units in whose control groups a process is, without helpers that start or stop one of them."""
    for line in read(f"/proc/{pid}/cgroup", 4096).decode("utf-8", "replace").splitlines():
        number, controllers, path = line.split(":", 2)
        if (number == "0" or controllers == "name=systemd") and path != "/":
            parts = path.split("/")
            return [] if parts[-1] in CONTROL else parts
    return []


def read(path: str, most: int) -> bytes:
    """A file of /proc, as far as it can be read; empty when the process is gone."""
    try:
        file = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return b""
    try:
        return os.read(file, most)
    except OSError:
        return b""
    finally:
        os.close(file)


def _booted() -> float:
    for line in read("/proc/stat", 1 << 20).splitlines():
        if line.startswith(b"btime "):
            return float(line.split()[1])
    return time.time() - time.monotonic()


BOOTED = _booted()
"""Unix seconds; read once, so that a start time does not move when the clock is set."""
