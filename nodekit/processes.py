"""Processes of this host, as /proc shows them: found by pid file, command line, user, folder, parent."""

import os
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from nodekit.bystanders import fulfils
from nodekit.procfs import (
    BOOTED,
    PAGE,
    TICKS,
    pids,
    read,
    stat_of,
    systemd_runs,
    uid_of,
    units_of,
    words_of,
)
from nodekit.regex import Regex

LONGEST = 32768
"""Bytes of a command line that are looked at."""
REUSED = 10.0
"""Seconds after which a process is too young to be the one that a pid file was written for."""
HIDDEN = "its process may not be looked at; run this as root"
NO_SYSTEMD = "systemd does not run here, so what its unit does is unknown"


@dataclass(frozen=True, slots=True)
class Process:
    """One process. Its identity is `pid` with `ticks`: a pid is given again, not at the same moment."""

    pid: int
    ticks: int
    """When it began, in clock ticks since boot."""
    parent: int = field(compare=False)
    words: tuple[str, ...] = field(compare=False)
    """Its command line."""

    @property
    def began(self) -> float:
        """When it began, unix seconds."""
        return BOOTED + self.ticks / TICKS

    @property
    def alive(self) -> bool:
        """Whether it is still there and no zombie."""
        stat = stat_of(self.pid)
        return stat is not None and stat.ticks == self.ticks


@dataclass(frozen=True, slots=True)
class Target:
    """What a service's processes look like; all that is given must hold. None of it: nothing is found."""

    pid_file: Path | None = None
    match: Regex | None = None
    """Over the command line, its words joined by blanks."""
    user: int | None = None
    """The uid that it runs as."""
    cwd: str | None = None
    """Its working folder, without symbolic links."""
    parent: Regex | None = None
    """Over the command line of its parent."""
    unit: str | None = None
    """The systemd unit in whose control group it is."""


@dataclass(frozen=True, slots=True)
class Usage:
    """What one process has used: seconds of CPU, bytes of resident memory."""

    cpu: float
    memory: int


class Scanner:
    """Looks for many services with one pass over /proc; used by one thread.

    Never found: ourselves, zombies, and what only names the service: `sh -c …`, init scripts, `sudo`, `grep`
    and their like, and programs of chainwarden; an expression that itself names such a program finds it.
    """

    def __init__(self, targets: Mapping[str, Target]) -> None:
        self._targets = dict(targets)
        searched = {name: target for name, target in targets.items() if target.pid_file is None}
        self._units: dict[str, list[str]] = {}
        """Unit → targets that are looked for in it."""
        for name, target in searched.items():
            if target.unit is not None:
                self._units.setdefault(target.unit, []).append(name)
        self._expressions = [
            (name, target.match) for name, target in searched.items() if target.match and not target.unit
        ]
        self._known: dict[bytes, tuple[str, ...]] = {}
        """Command line → the targets whose `match` it fulfils, of those that the last pass saw."""
        self._files: dict[str, tuple[tuple[int, ...], int, int]] = {}
        """Target → its pid file's stamp, with pid and ticks of the process that it then named."""
        self.unknown: dict[str, str] = {}
        """Targets of which the last look found nothing and cannot say that nothing is there: why."""

    def look(self) -> dict[str, tuple[Process, ...]]:
        """Target's name → its processes, the main one first; empty when there is none.

        The main one is the oldest whose parent is not among them.
        """
        found: dict[str, list[Process]] = {name: [] for name in self._targets}
        self.unknown = {}
        for pid, raw, names in self._candidates():
            process = _process(pid, raw)
            for name in names:
                if process is not None and self._fits(name, process):
                    found[name].append(process)
        for name, target in self._targets.items():
            if target.pid_file is not None:
                found[name] = self._by_file(name, target, target.pid_file)
        self._leave_unknown(found)
        return {name: _main_first(processes) for name, processes in found.items()}

    def _leave_unknown(self, found: Mapping[str, Sequence[Process]]) -> None:
        units = [name for name, target in self._targets.items() if target.unit is not None]
        if any(not found[name] for name in units) and not systemd_runs():
            self.unknown |= dict.fromkeys(units, NO_SYSTEMD)
        self.unknown = {name: why for name, why in self.unknown.items() if not found[name]}

    def _candidates(self) -> Iterable[tuple[int, bytes, Sequence[str]]]:
        """Processes that fulfil the `match`, or are in the `unit`, of any target without a pid file."""
        if not self._expressions and not self._units:
            return
        own, seen = os.getpid(), {}
        for pid in pids():
            raw = read(f"/proc/{pid}/cmdline", LONGEST) if pid != own else b""
            if not raw:  # kernel threads and zombies have none
                continue
            names = self._known.get(raw)
            if names is None:
                words = words_of(raw)
                names = tuple(name for name, expression in self._expressions if fulfils(expression, words))
            seen[raw] = names
            in_units = (
                [name for unit in units_of(pid) for name in self._units.get(unit, ())] if self._units else []
            )
            if names or in_units:
                yield pid, raw, (*names, *in_units)
        self._known = seen

    def _fits(self, name: str, process: Process) -> bool:
        """Whether all conditions hold."""
        target = self._targets[name]
        if target.match is not None and not fulfils(target.match, process.words):
            return False
        if target.user is not None and uid_of(process.pid) != target.user:
            return False
        if target.unit is not None and target.unit not in units_of(process.pid):
            return False
        if target.parent is not None:
            parent = words_of(read(f"/proc/{process.parent}/cmdline", LONGEST))
            if not target.parent.found_in(" ".join(parent)):
                return False
        return target.cwd is None or self._cwd(name, process.pid) == target.cwd

    def _cwd(self, name: str, pid: int) -> str | None:
        try:
            return str(Path(f"/proc/{pid}/cwd").readlink())
        except PermissionError:
            self.unknown[name] = HIDDEN
        except OSError:
            pass
        return None

    def _by_file(self, name: str, target: Target, path: Path) -> list[Process]:
        """The process that the pid file names, unless the pid was given to another one since."""
        try:
            pid = int(path.read_bytes()[:64].split()[0])
            status = path.stat()
        except (OSError, ValueError, IndexError):
            return []
        raw = read(f"/proc/{pid}/cmdline", LONGEST)
        process = _process(pid, raw) if raw and pid != os.getpid() else None
        if process is None or not self._fits(name, process):
            return []
        if target.match is not None or target.unit is not None:
            return [process]
        stamp = (status.st_mtime_ns, status.st_ino)
        known = self._files.get(name)
        if known is None or known[0] != stamp:
            if process.began > status.st_mtime + REUSED:
                return []
            self._files[name] = (stamp, process.pid, process.ticks)
        elif known[1:] != (process.pid, process.ticks):
            return []
        return [process]


def find(target: Target) -> Process | None:
    """The main process of a service, by one look; None when there is none."""
    found = Scanner({"": target}).look()[""]
    return found[0] if found else None


def everything() -> list[Process]:
    """All processes with a command line, ourselves too."""
    lines = ((pid, read(f"/proc/{pid}/cmdline", LONGEST)) for pid in pids())
    found = (_process(pid, raw) for pid, raw in lines if raw)
    return [process for process in found if process is not None]


def usage(process: Process) -> Usage | None:
    """What a process has used until now; None when it is gone."""
    stat = stat_of(process.pid)
    if stat is None or stat.ticks != process.ticks:
        return None
    return Usage(stat.cpu / TICKS, stat.pages * PAGE)


def ended(process: Process, within: float, poll: float = 0.05) -> bool:
    """Whether a process ends within so many seconds."""
    end = time.monotonic() + within
    while process.alive:
        if time.monotonic() > end:
            return False
        time.sleep(poll)
    return True


def _main_first(processes: list[Process]) -> tuple[Process, ...]:
    known = {process.pid for process in processes}
    return tuple(sorted(processes, key=lambda one: (one.parent in known, one.ticks, one.pid)))


def _process(pid: int, raw: bytes) -> Process | None:
    stat = stat_of(pid)
    return None if stat is None else Process(pid, stat.ticks, stat.parent, words_of(raw))
