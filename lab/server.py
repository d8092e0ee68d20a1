"""One real server process: its folder, its log, its start and its end."""

import atexit
import contextlib
import os
import signal
import subprocess
import sys
import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import IO, Self

from lab import reaper
from lab.reaper import members, signal_group

MARK = "CHAINWARDEN_LAB"
"""Environment variable of every lab process: the pid that started it. The leak check looks for it."""


class ServerError(Exception):
    """A server did not start, did not get ready or ended by itself; the text ends with its log."""


class _Watch:
    """The reaper process, started with the first server."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._process: subprocess.Popen[str] | None = None

    def tell(self, word: str) -> None:
        """Pass `+pid` or `-pid` on."""
        with self._lock:
            if self._process is None:
                self._process = subprocess.Popen(
                    [sys.executable, "-I", "-S", str(Path(reaper.__file__))],
                    stdin=subprocess.PIPE,
                    text=True,
                    start_new_session=True,
                )
                atexit.register(self.close)
            assert self._process.stdin is not None  # noqa: S101 - narrows PIPE for mypy
            self._process.stdin.write(f"{word}\n")
            self._process.stdin.flush()

    def close(self) -> None:
        """End the reaper; it kills what was not stopped."""
        with self._lock:
            if self._process is not None:
                self._process.communicate()
                self._process = None


_watch = _Watch()


def stop_watching() -> None:
    """End the reaper process: for the end of a test session, after everything was stopped."""
    _watch.close()


class Server(ABC):
    """A process in a session of its own, with a data folder and a log file in it."""

    start_timeout = 20.0
    """Seconds within which the server must answer; a cold start under load is slow."""

    def __init__(self, name: str, folder: Path) -> None:
        self.name = name
        self.dir = folder
        self.log_path = folder / f"{name}.log"
        self._process: subprocess.Popen[bytes] | None = None
        self._log: IO[bytes] | None = None

    @abstractmethod
    def command(self) -> Sequence[str]:
        """The argv to run."""

    @abstractmethod
    def ready(self) -> bool:
        """Whether the server answers; must not take longer than a second."""

    def environment(self) -> Mapping[str, str]:
        """Variables on top of this process's own."""
        return {}

    @property
    def running(self) -> bool:
        """Whether the process exists, stopped by SIGSTOP or not."""
        return self._process is not None and self._process.poll() is None

    @property
    def exit_code(self) -> int | None:
        """Exit code of the last run, negative for a signal; None while running or never started."""
        return None if self._process is None else self._process.poll()

    def pids(self) -> list[int]:
        """The server's process and those that it started; empty when it does not run."""
        return [] if self._process is None else members(self._process.pid)

    def launch(self) -> None:
        """Start the process without waiting for it. Raises ServerError when it runs already."""
        if self.running:
            raise ServerError(f"{self.name} runs already, pid {self.pids()[:1]}")
        self._close_log()
        self.dir.mkdir(parents=True, exist_ok=True)
        self._log = self.log_path.open("ab")
        self._process = subprocess.Popen(
            list(self.command()),
            env={**os.environ, **self.environment(), MARK: str(os.getpid())},
            stdin=subprocess.DEVNULL,
            stdout=self._log,
            stderr=self._log,
            cwd=self.dir,
            start_new_session=True,
        )
        _watch.tell(f"+{self._process.pid}")

    def await_ready(self, timeout: float | None = None) -> None:
        """Wait until the server answers. Raises ServerError when it ends or takes too long."""
        limit = self.start_timeout if timeout is None else timeout
        if not poll(lambda: self.ready() or not self.running, limit):
            raise ServerError(f"{self.name} did not answer within {limit:g} s\n{self.log_tail()}")
        if not self.running:
            raise ServerError(f"{self.name} ended with code {self.exit_code}\n{self.log_tail()}")

    def start(self) -> None:
        """Start the process and wait until it answers; stops it again when it does not."""
        self.launch()
        try:
            self.await_ready()
        except ServerError:
            self.stop()
            raise

    def stop(self, timeout: float = 10.0) -> None:
        """End the server: TERM, after `timeout` seconds KILL; what it started goes with it."""
        if self._process is None:
            return
        if self.running:
            signal_group(self._process.pid, signal.SIGCONT)
            self._process.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(timeout)
        self._end()

    def kill9(self) -> None:
        """End the server and what it started with SIGKILL, as a crash would."""
        if self._process is not None:
            self._end()

    def send_signal(self, number: signal.Signals) -> None:
        """Send a signal to the server and to what it started."""
        if self._process is not None:
            signal_group(self._process.pid, number)

    def hang(self) -> None:
        """Freeze the server (SIGSTOP): ports accept, nothing answers. Returns when all its threads stand."""
        self.send_signal(signal.SIGSTOP)
        if not poll(lambda: all(_stands(pid) for pid in self.pids()), 5, every=0.005):
            raise ServerError(f"{self.name} does not stop")

    def wake(self) -> None:
        """Let a frozen server go on (SIGCONT)."""
        self.send_signal(signal.SIGCONT)

    def log_tail(self, lines: int = 15) -> str:
        """The last lines of the log, for error messages."""
        try:
            text = self.log_path.read_text(errors="replace")
        except OSError:
            return f"({self.log_path.name}: no log)"
        return "\n".join(["---", *text.splitlines()[-lines:]])

    def _end(self) -> None:
        """Kill what is left of the group, wait until it is gone, reap the process, close the log."""
        assert self._process is not None  # noqa: S101 - callers checked
        signal_group(self._process.pid, signal.SIGKILL)
        self._process.wait(10)
        if not poll(lambda: not self.pids(), 5.0, every=0.005):
            raise ServerError(f"{self.name} left processes that SIGKILL does not end: {self.pids()}")
        _watch.tell(f"-{self._process.pid}")
        self._close_log()

    def _close_log(self) -> None:
        if self._log is not None:
            self._log.close()
            self._log = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()


def _stands(pid: int) -> bool:
    """Whether no thread of a process runs: each is stopped by a signal, or it has ended."""
    for stat in Path(f"/proc/{pid}/task").glob("*/stat"):
        with contextlib.suppress(OSError):
            if stat.read_text().rpartition(")")[2].split()[0] not in "TZX":
                return False
    return True


def poll(condition: Callable[[], bool], timeout: float, every: float = 0.05) -> bool:
    """Ask until the condition holds or `timeout` seconds are over; the last answer."""
    end = time.monotonic() + timeout
    while True:
        if condition():
            return True
        if time.monotonic() >= end:
            return False
        time.sleep(every)
