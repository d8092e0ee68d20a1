"""What became of commands: into the journal, to the sender, into metrics and log."""

import logging
import time
from collections.abc import Callable
from typing import Protocol

from actuator.agent.builtin import Outcome
from actuator.agent.journal import Journal
from actuator.agent.metrics import Metrics
from actuator.remote.wire import DUPLICATE, Command, result

log = logging.getLogger(__name__)

CONFIG = "config"
"""The service that a message with `config` is for."""


class Publish(Protocol):
    """Takes a command's key and its result, and sees to it that the broker gets it."""

    def __call__(self, key: str, payload: bytes, *, once: bool) -> None:
        """`once`: the sender does not know a result that it gets twice."""


class Results:
    """Thread safe; a result is in the journal before it goes out."""

    def __init__(
        self, journal: Journal, publish: Publish, metrics: Metrics, clock: Callable[[], float] = time.time
    ) -> None:
        self._journal = journal
        self._publish = publish
        self._metrics = metrics
        self._clock = clock

    def finish(self, command: Command, outcome: Outcome) -> None:
        """It ended. Raises JournalError: then nobody is told."""
        self._journal.finish(command.key, outcome.code, outcome.output, self._clock())
        self.give(command, outcome)

    def give(self, command: Command, outcome: Outcome) -> None:
        """Send a result that is in the journal."""
        text = result(command.task_id, outcome.code, outcome.output, self._clock(), command.reply_bytes)
        self._publish(command.key, text, once=not command.ours)

    def duplicate(self, command: Command) -> None:
        """Tell the sender that a command with this task_id waits or runs."""
        self._metrics.refused.labels(f"0x{DUPLICATE:04x}").inc()
        text = f"Received duplicate task_id: {command.task_id}"
        self._publish("", result(command.task_id, DUPLICATE, text, self._clock()), once=not command.ours)

    def book(self, name: str, command: Command, outcome: Outcome, took: float | None) -> None:
        """Into metrics and log, as one of the service `name`; `took`: the seconds that it ran."""
        if took is not None:
            self._metrics.seconds.labels(name).observe(took)
        self._metrics.commands.labels(name, "ok" if outcome.code == 0 else "failed").inc()
        log.info("command done", extra={"fields": {
            "task_id": command.task_id, "service": service(command), "command": command.command,
            "code": outcome.code,
        }})  # fmt: skip


def service(command: Command) -> str:
    """The name of the service that it is for."""
    return CONFIG if command.config is not None else command.service
