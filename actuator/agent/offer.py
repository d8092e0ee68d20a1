"""A service as the dispatcher sees it."""

from collections.abc import Callable
from dataclasses import dataclass

from actuator.agent.builtin import Outcome
from actuator.remote.wire import Command

End = Callable[[], Outcome]
"""Waits for the end of what was begun."""


@dataclass(frozen=True, slots=True)
class Offer:
    """A service that the agent has."""

    commands: frozenset[str]
    begin: Callable[[Command], End]
    """Begins it, and may not wait: a program is started, a builtin does nothing yet."""
    parallel: int = 1
    recover: Callable[[Command], Outcome | None] | None = None
    """What became of a command that the agent's death interrupted."""
