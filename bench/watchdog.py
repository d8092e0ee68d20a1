"""Row `watchdog`: from kill -9 until the start program runs, beside the real Monit at its shortest cycle.

    python -m bench.watchdog [--kills 12] [--services 10 100]

The same services, start scripts and moments for three watchdogs: the agent with pidfd, its watchdog polling
as on older kernels, and Debian's Monit with `set daemon 1`. Cases: healthy; another service hangs in its
start; dead processes that nobody reaps; a foreign process of the same command line beside it. A start that
did not come within GIVE_UP counts as that. CPU and memory are those of 10 quiet seconds.
"""

import argparse
import contextlib
import ctypes
import json
import os
import random
import signal
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from actuator.agent import config as agent_config
from actuator.agent.journal import Journal
from actuator.agent.watch.watchdog import Watchdog
from bench.result import FOLDER, figure, write
from lab.binaries import debian
from lab.ports import free_port
from lab.reaper import members, signal_group
from lab.server import poll
from nodekit.processes import everything, usage

GIVE_UP = 10.0
"""Seconds after which a start counts as never."""
QUIET = 10.0
"""Seconds over which CPU is measured."""
FIRST = 600_000
"""What the first service sleeps: the number tells it from others."""
CASES = ("healthy", "another start hangs", "zombies", "foreign process of the same name")
PR_SET_CHILD_SUBREAPER = 36


@dataclass(frozen=True, slots=True)
class Line:
    """One row of the table; seconds, CPU seconds a second, bytes."""

    watchdog: str
    services: int
    case: str
    median: float
    p99: float
    never: int
    cpu: float
    memory: int
    times: tuple[float, ...]


class Field:
    """A folder with start scripts, the services that they start, and who reaps what ends."""

    def __init__(self, folder: Path, services: int, case: str) -> None:
        self.folder = folder
        self.case = case
        self.names = [f"s{number:03d}" for number in range(services)]
        for sub in ("marks", "home", "elsewhere"):
            (folder / sub).mkdir(parents=True)
        self.script = folder / "start"
        self.script.write_text(
            f"#!/bin/sh\n: > {folder}/marks/$1\ncd {folder}/home\nsleep $2 >/dev/null 2>&1 </dev/null &\n"
        )
        self.script.chmod(0o755)
        self.reaping = case != "zombies"
        self._ended = threading.Event()
        self._reaper = threading.Thread(target=self._reap, daemon=True)

    def __enter__(self) -> "Field":
        self._reaper.start()
        for name in self.names:
            subprocess.run([self.script, name, self.number(name)], check=True)
        if self.case.startswith("foreign"):
            for name in self.names:
                subprocess.Popen(
                    ["sleep", self.number(name)], cwd=self.folder / "elsewhere", start_new_session=True
                )
        return self

    def __exit__(self, *_: object) -> None:
        ours = {f"sleep {self.number(name)}" for name in self.names} | {f"sleep {FIRST - 1}"}
        for one in everything():
            if " ".join(one.words) in ours:
                os.kill(one.pid, signal.SIGKILL)
        self._ended.set()
        self._reaper.join()
        while _reap_one():
            pass

    def number(self, name: str) -> str:
        """What a service sleeps."""
        return str(FIRST + int(name[1:]))

    def pid(self, name: str) -> int | None:
        """The service's process."""
        line = ("sleep", self.number(name))
        home = str(self.folder / "home")
        for one in everything():
            if one.words == line and os.readlink(f"/proc/{one.pid}/cwd") == home:  # noqa: PTH115 - as the kernel says it
                return one.pid
        return None

    def kill(self, name: str) -> float:
        """Kill a service; seconds until its start program ran."""
        mark = self.folder / "marks" / name
        mark.unlink(missing_ok=True)
        pid = self.pid(name)
        assert pid is not None, f"{name} does not run"
        began = time.time()
        os.kill(pid, signal.SIGKILL)
        if not poll(mark.exists, GIVE_UP, every=0.002):
            subprocess.run([self.script, name, self.number(name)], check=True)
            return GIVE_UP
        return time.time() - began

    def _reap(self) -> None:
        while not self._ended.wait(0.002):
            while self.reaping and _reap_one():
                pass


def _reap_one() -> bool:
    """Reap an orphan that became our child; not those that somebody waits for."""
    for one in _zombies():
        with contextlib.suppress(ChildProcessError):
            os.waitpid(one, os.WNOHANG)
            return True
    return False


def _zombies() -> Iterator[int]:
    path = Path(f"/proc/self/task/{os.getpid()}/children")
    for word in path.read_text().split():
        with contextlib.suppress(OSError):
            name, _, rest = Path(f"/proc/{word}/stat").read_text().rpartition(")")
            if rest.split()[0] == "Z" and name.endswith("(sleep"):
                yield int(word)


class Peer(ABC):
    """One watchdog as a process."""

    name: str

    def __init__(self, field: Field) -> None:
        self.field = field
        self.log = (field.folder / "log").open("ab")
        self.process = subprocess.Popen(
            self.command(), stdout=self.log, stderr=self.log, start_new_session=True
        )

    @abstractmethod
    def command(self) -> Sequence[str | Path]:
        """The argv; writes its configuration before."""

    def used(self) -> tuple[float, int]:
        """CPU seconds until now, resident bytes."""
        own = next(one for one in everything() if one.pid == self.process.pid)
        found = usage(own)
        assert found is not None
        return found.cpu, found.memory

    def stop(self) -> None:
        """End it."""
        self.process.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.process.wait(15)
        if members(self.process.pid):
            signal_group(self.process.pid, signal.SIGKILL)
        self.process.wait()
        self.log.close()


class Pidfd(Peer):
    """The whole agent; its broker is not there."""

    name = "chainwarden, pidfd"

    def command(self) -> Sequence[str | Path]:
        return [sys.executable, "-m", "actuator.agent", "--config.file", self.configuration()]

    def configuration(self) -> Path:
        """agent.yml."""
        path, home = self.field.folder / "agent.yml", str(self.field.folder / "home")
        limits = {"at_most": 1000, "backoff": {"first": "100ms", "most": "100ms"}}
        daemons: dict[str, object] = {
            name: {
                "start": [str(self.field.script), name, self.field.number(name)], "cwd": home,
                "match": f"^sleep {self.field.number(name)}$", "watch": {"restart": limits},
            }
            for name in self.field.names
        }  # fmt: skip
        if self.field.case == "another start hangs":
            daemons["hangs"] = {
                "start": ["sleep", str(FIRST - 1)], "match": "^never there$", "timeout": "8s",
                "watch": {"restart": limits},
            }  # fmt: skip
        path.write_text(json.dumps({
            "host": "bench", "topics": {"command": "c", "result": "r"}, "daemons": daemons,
            "journal": str(self.field.folder / "agent.db"), "listen": f"127.0.0.1:{free_port()}",
            "mqtt": {"host": "127.0.0.1", "port": free_port()},
        }))  # fmt: skip
        return path


class Polling(Pidfd):
    """The same watchdog on a kernel without pidfd."""

    name = "chainwarden, polling"

    def command(self) -> Sequence[str | Path]:
        return [sys.executable, "-m", "bench.watchdog", "--poll-with", self.configuration()]


class Monit(Peer):
    """Debian's Monit at its shortest cycle."""

    name = "Monit 5.33, 1 s cycle"

    def command(self) -> Sequence[str | Path]:
        folder, lines = self.field.folder, ["set daemon 1"]
        for word in ("pid", "state", "id"):
            lines.append(f"set {word}file {folder}/monit.{word}")
        lines.append(f"set logfile {folder}/monit.log")
        for name in self.field.names:
            number = self.field.number(name)
            lines.append(f'check process {name} matching "^sleep {number}$"')
            lines.append(f'  start program = "{self.field.script} {name} {number}"')
        if self.field.case == "another start hangs":
            lines.append('check process hangs matching "^never there$"')
            lines.append(f'  start program = "/bin/sleep {FIRST - 1}" with timeout 8 seconds')
        path = folder / "monitrc"
        path.write_text("\n".join(lines) + "\n")
        path.chmod(0o600)
        return [debian("monit"), "-I", "-c", path]


def measure(kind: type[Peer], services: int, case: str, kills: int, seed: int) -> Line:
    """One row of the table."""
    dice = random.Random(seed)
    with (
        tempfile.TemporaryDirectory(prefix="watchdog-") as folder,
        Field(Path(folder), services, case) as field,
    ):
        peer = kind(field)
        try:
            time.sleep(5.0)
            before = peer.used()[0]
            time.sleep(QUIET)
            after, memory = peer.used()
            times = []
            for number in range(kills):
                times.append(field.kill(field.names[number % services]))
                time.sleep(dice.uniform(2.2, 3.2))
        finally:
            peer.stop()
    times.sort()
    p99 = times[min(len(times) - 1, int(0.99 * len(times)))]
    line = Line(
        kind.name, services, case, statistics.median(times), p99, sum(one >= GIVE_UP for one in times),
        (after - before) / QUIET, memory, tuple(times),
    )  # fmt: skip
    took = f"median {line.median * 1000:7.1f} ms  p99 {p99 * 1000:7.1f} ms  never {line.never}"
    cost = f"{line.cpu:.4f} CPU-s/s  {memory / 1e6:.1f} MB"
    print(f"{line.watchdog:24} {services:4} {case:34} {took}  {cost}", flush=True)
    return line


def serve_polling(path: Path) -> int:
    """Only the watchdog of an agent.yml, without pidfd, until TERM."""
    config = agent_config.read(path)
    journal = Journal(config.journal)
    watchdog = Watchdog(config.daemons, journal, {}, pidfd=False)
    watchdog.start()
    signal.sigwait({signal.SIGTERM, signal.SIGINT})
    watchdog.stop(1.0)
    journal.close()
    return 0


def main(argv: Sequence[str] | None = None) -> int:
    """Exit status 0 when the targets are met."""
    parser = argparse.ArgumentParser(prog="bench.watchdog")
    parser.add_argument("--kills", type=int, default=12)
    parser.add_argument("--services", type=int, nargs="+", default=[10, 100])
    parser.add_argument("--seed", type=int, default=6)
    parser.add_argument("--poll-with", type=Path, help=argparse.SUPPRESS)
    arguments = parser.parse_args(argv)
    if arguments.poll_with is not None:
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM, signal.SIGINT})
        return serve_polling(arguments.poll_with)
    ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    rows = [
        measure(kind, services, case, arguments.kills, arguments.seed)
        for services in arguments.services
        for case in (CASES if services == arguments.services[0] else CASES[:1])
        for kind in (Pidfd, Polling, Monit)
    ]
    FOLDER.mkdir(exist_ok=True)
    (FOLDER / "watchdog-table.json").write_text(json.dumps([asdict(row) for row in rows], indent=1) + "\n")
    told = [row for row in rows if row.watchdog == Pidfd.name]
    ok = all(row.median <= 0.05 and row.p99 <= 0.2 for row in told)
    ok = ok and all(row.median <= 0.6 for row in rows if row.watchdog == Polling.name)
    most = max(arguments.services)
    healthy = {row.watchdog: row for row in rows if row.case == CASES[0] and row.services == most}
    write(
        "watchdog", f"s from kill -9 to start, {most} services", figure(healthy[Pidfd.name].times),
        Monit.name, figure(healthy[Monit.name].times), ok=ok, runs=arguments.kills,
        target="median 50 ms and p99 200 ms with pidfd, median 0.6 s polling, in every case",
        command=f"python -m bench.watchdog --kills {arguments.kills}",
    )  # fmt: skip
    return 0 if ok else 1


if __name__ == "__main__":
    sys.exit(main())
