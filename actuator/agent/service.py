"""Builtin service of a daemon on this host: start, stop, restart, status, as its config defines them."""

import subprocess
import threading
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime

from actuator.agent.builtin import Outcome
from actuator.agent.config import Daemon
from nodekit.processes import Process, ended, find

NOT_RUNNING = 3
"""Exit status of `status` for a stopped service (Linux Standard Base, init scripts)."""
POLL = 0.05


class DaemonService:
    """One daemon. `fenced` says whether a start comes up paused, for a block producer; None for others."""

    commands = frozenset({"start", "stop", "restart", "status"})

    def __init__(self, config: Daemon, fenced: Callable[[], str | None] | None = None) -> None:
        self._config = config
        self._fenced = fenced

    def run(self, command: str, message: Mapping[str, object], stop: threading.Event) -> Outcome:
        """As Builtin; the message is not used. Starting what runs and stopping what does not is no error."""
        del message, stop
        process = find(self._config.target)
        if command == "status":
            return _status(process)
        if command == "start":
            return self._start(None) if process is None else Outcome(0, f"runs already, pid {process.pid}")
        if command == "stop":
            return Outcome(0, "does not run") if process is None else self._stop(process)
        refused = self._unfenced()
        if refused is not None:
            return refused
        stopped = Outcome(0, "") if process is None else self._stop(process)
        return self._start(process) if stopped.code == 0 else stopped

    def _unfenced(self) -> Outcome | None:
        """A producer that may come up producing is not started by us (DESIGN §5.10)."""
        if self._fenced is None or self._fenced() is not None:
            return None
        return Outcome(1, "not started: no `pause-on-startup` was found, so it might come up producing")

    def _start(self, old: Process | None) -> Outcome:
        refused = self._unfenced()
        if refused is not None:
            return refused
        failed = self._program(self._config.start)
        if failed is not None:
            return failed
        end = time.monotonic() + self._config.timeout
        while time.monotonic() < end:
            process = find(self._config.target)
            if process is not None and process != old:
                return Outcome(0, f"started, pid {process.pid}")
            time.sleep(POLL)
        return Outcome(1, f"started, but no new process was seen within {self._config.timeout:g} s")

    def _stop(self, process: Process) -> Outcome:
        failed = self._program(self._config.stop)
        if failed is not None:
            return failed
        if not ended(process, self._config.timeout):
            return Outcome(1, f"pid {process.pid} did not end within {self._config.timeout:g} s")
        return Outcome(0, f"stopped, pid {process.pid}")

    def _program(self, argv: tuple[str, ...]) -> Outcome | None:
        """None when it ended with 0. Its output goes nowhere: what it leaves running must hold no pipe."""
        try:
            started = subprocess.Popen(
                argv, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                start_new_session=True,
            )  # fmt: skip
        except OSError as error:
            return Outcome(127, f"{argv[0]}: {error.strerror}")
        try:
            code = started.wait(self._config.timeout)
        except subprocess.TimeoutExpired:
            started.kill()
            started.wait()
            return Outcome(124, f"{argv[0]} took longer than {self._config.timeout:g} s")
        return (
            None if code == 0 else Outcome(code if code > 0 else 128 - code, f"{argv[0]} ended with {code}")
        )


def _status(process: Process | None) -> Outcome:
    if process is None:
        return Outcome(NOT_RUNNING, "does not run")
    began = datetime.fromtimestamp(process.began, UTC).isoformat(timespec="seconds")
    return Outcome(0, f"runs, pid {process.pid}, since {began}")
