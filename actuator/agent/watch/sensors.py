"""Reads what the checks of a daemon ask for: ports, files, what its process uses."""

import socket
import subprocess
import time
from pathlib import Path

from actuator.agent.watch.checks import Check
from actuator.agent.watch.conditions import Reading, Rule
from nodekit.http import HttpError, request, session
from nodekit.processes import Process, usage
from nodekit.regex import Regex

CHUNK = 1 << 20
"""Bytes of new log lines that one look reads."""


class Sensor:
    """One check. `read` is called by one thread, when it is due."""

    def __init__(self, check: Check, timeout: float) -> None:
        """`timeout`: so long a new process is left alone, when the check does not say it."""
        self.check = check
        after = timeout if check.after is None else check.after
        self.rule = Rule(check.title, check.then, check.lasts, after if check.kind != "uptime" else 0.0)
        self.due = 0.0
        """Monotonic."""
        self._pattern = None if check.pattern is None else Regex(check.pattern)
        self._place: tuple[int, int] | None = None
        """Inode of the log, and where its next line begins."""
        self._used: tuple[Process, float, float] | None = None
        """Process, seconds of CPU, when; of the look before."""

    def read(self, process: Process | None, now: float) -> Reading | None:
        """What it shows; None when that is not known. `now` is unix seconds."""
        bad = getattr(self, f"_{self.check.kind}")(process, now)
        return None if bad is UNKNOWN else Reading(bad, now)

    def _tcp(self, _process: Process | None, _now: float) -> str | None:
        host, _, port = str(self.check.tcp).rpartition(":")
        try:
            socket.create_connection((host.strip("[]"), int(port)), self.check.timeout).close()
        except OSError as error:
            return error.strerror or "no answer in time"
        return None

    def _http(self, _process: Process | None, _now: float) -> str | None:
        with session(1) as http:
            try:
                answer = request(http, "GET", str(self.check.http), timeout=self.check.timeout)
                status, body = answer.status, answer.body
            except HttpError as error:
                if error.status is None:
                    return str(error)
                status, body = error.status, error.body
        if status not in self.check.status:
            return f"HTTP status {status}"
        if self.check.contains is not None and self.check.contains not in body.decode("utf-8", "replace"):
            return f"its answer does not contain {self.check.contains!r}"
        return None

    def _heartbeat(self, _process: Process | None, now: float) -> str | None:
        try:
            age = now - Path(str(self.check.heartbeat)).stat().st_mtime
        except OSError as error:
            return error.strerror
        return f"last written {age:.0f} s ago" if age > (self.check.older_than or 0.0) else None

    def _cpu(self, process: Process | None, _now: float) -> str | None:
        used, at, old = None if process is None else usage(process), time.monotonic(), self._used
        if used is None or process is None:
            return UNKNOWN
        self._used = (process, used.cpu, at)
        if old is None or old[0] != process or at <= old[2]:
            return UNKNOWN
        percent = 100.0 * (used.cpu - old[1]) / (at - old[2])
        return f"{percent:.0f} %" if percent > (self.check.cpu or 0.0) else None

    def _memory(self, process: Process | None, _now: float) -> str | None:
        used = None if process is None else usage(process)
        if used is None:
            return UNKNOWN
        return f"{used.memory / (1 << 20):.0f} MiB" if used.memory > (self.check.memory or 0) else None

    def _uptime(self, process: Process | None, now: float) -> str | None:
        if process is None:
            return UNKNOWN
        age = now - process.began
        return f"it runs for {age:.0f} s" if age > (self.check.uptime or 0.0) else None

    def _log(self, _process: Process | None, _now: float) -> str | None:
        """The first look only finds the end; a file that is new or was cut is read from its beginning."""
        try:
            with Path(str(self.check.log)).open("rb") as file:
                node = file.seek(0, 2)
                inode = Path(str(self.check.log)).stat().st_ino
                if self._place is None:
                    self._place = (inode, node)
                    return None
                begin = self._place[1] if self._place[0] == inode and self._place[1] <= node else 0
                file.seek(begin)
                text = file.read(CHUNK)
        except OSError:
            self._place = self._place or (-1, 0)
            return UNKNOWN
        whole = text[: text.rfind(b"\n") + 1] if len(text) < CHUNK or b"\n" in text else text
        self._place = (inode, begin + len(whole))
        lines = whole.decode("utf-8", "replace").splitlines()
        hit = next(
            (line for line in lines if self._pattern is not None and self._pattern.found_in(line)), None
        )
        return None if hit is None else f"line {hit[:200]!r}"

    def _program(self, _process: Process | None, _now: float) -> str | None:
        try:
            done = subprocess.run(
                self.check.program, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL, timeout=self.check.timeout, check=False, start_new_session=True,
            )  # fmt: skip
        except subprocess.TimeoutExpired:
            return f"no end within {self.check.timeout:g} s"
        except OSError as error:
            return error.strerror
        return None if done.returncode == 0 else f"ended with {done.returncode}"


UNKNOWN = "unknown"
"""Instead of a reason: nothing could be read."""
