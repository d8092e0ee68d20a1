"""The builtin: write, check, keep the old one, swap, restart, look whether it lives, else take it back.

What is under way is in the journal before it is done, so that a killed agent ends with a whole configuration,
old or new, and a daemon that runs with it. Codes are lua-collectd-monitor's, as it meant them.
"""

import fcntl
import logging
import os
import socket
import tempfile
import threading
import time
from collections.abc import Mapping
from pathlib import Path

from actuator.agent.builtin import Outcome
from actuator.agent.journal import Journal
from actuator.agent.replace import daemon
from actuator.agent.replace.checkcopy import BUSY, redirected
from actuator.agent.replace.config import FILE, Replace
from actuator.remote.wire import (
    BROKEN,
    NO_BACKUP,
    NO_REPLACER,
    NOT_RECOVERED,
    NOT_REPLACED,
    NOT_STOPPED,
    NOT_WRITTEN,
    PID_LEFT,
    RECOVERED,
    REPLACING,
)
from nodekit.processes import Process, ended

log = logging.getLogger(__name__)

DONE = "Succeeded to replace the config."
"""In the original's words."""
FACT = "replace"
STALE = 600.0
"""Seconds after which another tool's lock file counts as left behind by a crash."""


class ReplaceService:
    """One daemon's configuration."""

    commands = frozenset({"replace"})

    def __init__(self, config: Replace, journal: Journal) -> None:
        self._config = config
        self._journal = journal
        self._file = config.file.resolve()
        self._new = self._file.with_name(self._file.name + ".new")
        self._old = self._file.with_name(self._file.name + ".orig")

    def run(self, command: str, message: Mapping[str, object], stop: threading.Event) -> Outcome:
        """As Builtin; the configuration is the message's `config`."""
        del command, stop
        text = message.get("config")
        if not isinstance(text, str):
            return Outcome(NOT_WRITTEN, "the message holds no configuration")
        try:
            lock = self._locked()
        except OSError as error:
            return Outcome(NOT_WRITTEN, f"Failed to write new config: {error}")
        if lock is None:
            return Outcome(REPLACING, "Already attempting to replace the config!")
        try:
            self._journal.note(FACT, None)
            return self._noted(self._prepared(text) or self._exchanged())
        finally:
            os.close(lock)

    def recover(self, command: str, message: Mapping[str, object], stop: threading.Event) -> Outcome | None:
        """Finish what a killed agent left: before the swap nothing counts, after it the new one must live."""
        del command, message, stop
        found = self._journal.fact(FACT) or {"stage": "preparing"}
        stage, old = found["stage"], found.get("pid")
        self._new.unlink(missing_ok=True)
        if stage == "ended":
            return Outcome(found["code"], found["output"])
        if stage == "preparing":
            return Outcome(NOT_REPLACED, "the agent ended before anything was changed")
        if stage == "reverting":
            return self._noted(self._reverted("the agent ended while it took the new configuration back"))
        if stage == "stopping" or self._file.read_bytes() == self._old.read_bytes():
            why = "the agent ended before the swap; the old configuration is in place"
            return self._noted(self._left_alone(Outcome(NOT_REPLACED, why)))
        started = daemon.pid_of(self._config) not in (None, old)
        wrong = daemon.lives(self._config, old) if started else self._start(old)
        return self._noted(self._judged(wrong))

    def _noted(self, outcome: Outcome) -> Outcome:
        """Remember how it ended, should the agent die before it is told."""
        self._journal.note(FACT, {"stage": "ended", "code": outcome.code, "output": outcome.output})
        return outcome

    # --- steps --------------------------------------------------------------------------------------

    def _locked(self) -> int | None:
        """A lock that goes with this process; None while another holds one."""
        foreign = self._file.with_name(self._file.name + ".lock")
        if foreign.exists():
            if time.time() - foreign.stat().st_mtime < STALE:
                return None
            log.warning("%s was left behind by a crash of another tool; removed", foreign)
            foreign.unlink(missing_ok=True)
        handle = os.open(self._file.parent, os.O_RDONLY | os.O_DIRECTORY)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(handle)
            return None
        return handle

    def _prepared(self, text: str) -> Outcome | None:
        """Write and check the new one, keep the old one; the outcome when that is the end."""
        try:
            _write_like(self._new, text.encode(), self._file)
            checked = self._checked(text)
        except (OSError, UnicodeEncodeError) as error:
            if self._new.is_file():
                self._new.unlink()
            return Outcome(NOT_WRITTEN, f"Failed to write new config: {error}")
        if checked is not None:
            self._new.unlink(missing_ok=True)
            return checked
        try:
            _write_like(self._old, self._file.read_bytes(), self._file)
        except OSError as error:
            self._new.unlink(missing_ok=True)
            return Outcome(NO_BACKUP, f"the old configuration cannot be kept: {error}")
        return None

    def _checked(self, text: str) -> Outcome | None:
        with tempfile.TemporaryDirectory(prefix="chainwarden-check-") as folder:
            copy = Path(folder) / self._file.name
            now = self._file.read_text("utf-8", "replace")
            copy.write_text(redirected(text, now, folder, _free_port) if self._config.collectd else text)
            copy.chmod(0o600)
            asked = daemon.run(tuple(word.replace(FILE, str(copy)) for word in self._config.check))
        if asked.code == 127:
            return Outcome(NO_REPLACER, asked.output)
        if asked.code != 0 or (self._config.collectd and BUSY in asked.output):
            return Outcome(BROKEN, f"New config seems broken!: {asked.output}")
        return None

    def _exchanged(self) -> Outcome:
        """Stop, swap, start, judge."""
        process = daemon.process_of(self._config)
        old = None if process is None else process.pid
        self._journal.note(FACT, {"stage": "stopping", "pid": old})
        unstopped = self._stop(process)
        if unstopped is not None:
            return self._left_alone(unstopped)
        self._journal.note(FACT, {"stage": "swapped", "pid": old})
        try:
            self._swap()
        except OSError as error:
            return self._left_alone(Outcome(NOT_REPLACED, f"it cannot be put in place: {error}"))
        return self._judged(self._start(old))

    def _stop(self, process: Process | None) -> Outcome | None:
        if not self._config.stop or process is None:
            return None
        asked = daemon.run(self._config.stop)
        if asked.code != 0:
            return Outcome(NOT_STOPPED, f"{self._config.stop[0]} ended with {asked.code}: {asked.output}")
        if not ended(process, self._config.stops_within):
            within = f"{self._config.stops_within:g} s"
            return Outcome(PID_LEFT, f"its process {process.pid} did not end within {within}")
        return None

    def _left_alone(self, why: Outcome) -> Outcome:
        """Nothing was swapped: the daemon goes on with the old configuration."""
        self._new.unlink(missing_ok=True)
        if daemon.pid_of(self._config) is None:
            started = self._start(None)
            if started is not None:
                return Outcome(why.code, f"{why.output}; the daemon does not run: {started}")
        return why

    def _start(self, old: int | None) -> str | None:
        """Start it and look whether it lives; what is wrong otherwise."""
        asked = daemon.run(self._config.start)
        if asked.code != 0:
            return f"{self._config.start[0]} ended with {asked.code}: {asked.output}"
        return daemon.lives(self._config, old)

    def _judged(self, wrong: str | None) -> Outcome:
        """Keep the new configuration, or go back to the old one."""
        if wrong is None:
            return Outcome(0, DONE)
        log.warning("the daemon does not live with the new configuration: %s", wrong)
        self._journal.note(FACT, {"stage": "reverting"})
        return self._reverted(wrong)

    def _reverted(self, wrong: str) -> Outcome:
        bad = daemon.process_of(self._config)
        self._stop(bad)
        try:
            _write_like(self._new, self._old.read_bytes(), self._old)
            self._swap()
        except OSError as error:
            return Outcome(NOT_RECOVERED, f"{wrong}; the old configuration cannot be put back: {error}")
        again = self._start(None if bad is None else bad.pid)
        if again is None:
            return Outcome(RECOVERED, f"{wrong}; the old configuration is back and the daemon runs")
        return Outcome(NOT_RECOVERED, f"{wrong}; the old configuration is back, but not the daemon: {again}")

    def _swap(self) -> None:
        """Put the new file in place, whole or not at all. Raises OSError."""
        self._new.replace(self._file)
        handle = os.open(self._file.parent, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def _write_like(path: Path, content: bytes, model: Path) -> None:
    """Write a file with the mode and owner of another; it is on disk when this returns. Raises OSError."""
    seen = model.stat()
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(handle, "wb") as file:
        os.fchown(file.fileno(), seen.st_uid, seen.st_gid)
        os.fchmod(file.fileno(), seen.st_mode & 0o7777)
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def _free_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])
