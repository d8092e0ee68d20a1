"""A service as the dispatcher sees it."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from actuator.agent.builtin import Outcome
from actuator.remote.wire import Command

End = Callable[[], Outcome]
"""Waits for the end of what was begun."""


@runtime_checkable
class Prompt(Protocol):
    """An End that can be asked for first whether it comes at once."""

    def within(self, seconds: float) -> Outcome | None:
        """The outcome if it is there so soon; None when the End must be called."""
        ...


@dataclass(frozen=True, slots=True)
class Offer:
    """A service that the agent has."""

    commands: frozenset[str]
    begin: Callable[[Command], End]
    """Begins it, and may not wait: a program is started, a builtin does nothing yet."""
    parallel: int = 1
    recover: Callable[[Command], Outcome | None] | None = None
    """What became of a command that the agent's death interrupted."""
