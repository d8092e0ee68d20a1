"""The daemon whose configuration is replaced: its process, its programs."""

import subprocess
import time

from actuator.agent.builtin import Outcome
from actuator.agent.replace.config import Replace
from nodekit.processes import Process, find

POLL = 0.05
PROGRAM_WITHIN = 60.0
"""Seconds that a program of the config may take."""
SHOWN = 2000
"""Bytes of a program's output that are told."""


def run(argv: tuple[str, ...]) -> Outcome:
    """Run a program of the config to its end; 127 when it is not there, 124 when it takes too long."""
    try:
        done = subprocess.run(
            argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            timeout=PROGRAM_WITHIN, check=False, start_new_session=True,
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        return Outcome(124, f"{argv[0]} took longer than {PROGRAM_WITHIN:g} s")
    except OSError as error:
        return Outcome(127, f"{argv[0]}: {error.strerror}")
    return Outcome(done.returncode, done.stdout[-SHOWN:].decode("utf-8", "replace").strip())


def process_of(config: Replace) -> Process | None:
    """The daemon's process; None when there is none."""
    return find(config.target)


def pid_of(config: Replace) -> int | None:
    """Its pid; None when there is none."""
    process = process_of(config)
    return None if process is None else process.pid


def lives(config: Replace, old: int | None) -> str | None:
    """What is wrong with the daemon after a start; None when a new process is there, stays, and works."""
    end = time.monotonic() + config.starts_within
    new = pid_of(config)
    while new is None or new == old:
        if time.monotonic() > end:
            return "no new process"
        time.sleep(POLL)
        new = pid_of(config)
    end = time.monotonic() + config.stays_for
    while time.monotonic() < end:
        if pid_of(config) != new:
            return f"its process {new} ended within {config.stays_for:g} s"
        time.sleep(POLL)
    return _unhealthy(config)


def _unhealthy(config: Replace) -> str | None:
    if not config.health:
        return None
    asked = run(config.health)
    return None if asked.code == 0 else f"{config.health[0]} ended with {asked.code}: {asked.output}"
