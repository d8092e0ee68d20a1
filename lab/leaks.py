"""Finds processes that this process started and did not end."""

import os
import signal
from dataclasses import dataclass
from pathlib import Path

from lab.server import MARK


@dataclass(frozen=True, slots=True)
class Leftover:
    """A living process."""

    pid: int
    command: str

    def __str__(self) -> str:
        return f"{self.pid}: {self.command}"


def ours() -> list[Leftover]:
    """Children of this process and their children, and every lab server that it started.

    A server whose starter in between has died is no child any more; the mark in its environment
    still tells whose it is. Zombies do not count: they hold nothing.
    """
    parents = _parents()
    mark = f"{MARK}={os.getpid()}".encode()
    return [
        Leftover(pid, _command(pid))
        for pid in sorted(parents)
        if pid != os.getpid() and (_descends(pid, parents) or mark in _read(pid, "environ").split(b"\0"))
    ]


def kill(left: list[Leftover]) -> None:
    """End them with SIGKILL, each by its pid."""
    for process in left:
        try:
            os.kill(process.pid, signal.SIGKILL)
        except ProcessLookupError:
            continue


def _parents() -> dict[int, int]:
    """Parent of every living process."""
    found = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            fields = _read(int(entry.name), "stat").rpartition(b")")[2].split()
            if len(fields) > 1 and fields[0] not in (b"Z", b"X"):
                found[int(entry.name)] = int(fields[1])
    return found


def _descends(pid: int, parents: dict[int, int]) -> bool:
    """Whether this process is among the ancestors of `pid`."""
    while pid in parents:
        pid = parents[pid]
        if pid == os.getpid():
            return True
    return False


def _command(pid: int) -> str:
    return _read(pid, "cmdline").replace(b"\0", b" ").decode("utf-8", "replace")[:160]


def _read(pid: int, file: str) -> bytes:
    try:
        return Path(f"/proc/{pid}/{file}").read_bytes()
    except OSError:
        return b""
