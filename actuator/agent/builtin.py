"""What a service that is built into the agent looks like: commands by name, an outcome for each."""

import threading
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol, runtime_checkable


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a command ended: `code` as an exit status (0 is success), `output` as text for a person."""

    code: int
    output: str


class Builtin(Protocol):
    """A service of the agent that runs inside it, not as a program.

    Everything that it may touch comes from the agent's own config; a message chooses a command by name
    and never brings a path, an address or an argument.
    """

    @property
    def commands(self) -> frozenset[str]:
        """The commands that `run` knows."""
        ...

    def run(self, command: str, message: Mapping[str, object], stop: threading.Event) -> Outcome:
        """Perform one command and block until it ended; `stop` is set at the agent's end or when time is up.

        `message` is the checked command message, for what the wire format defines (a group's epoch, a
        configuration). Calls for one service never overlap. A failure that could be foreseen is an Outcome.
        """
        ...


@runtime_checkable
class Recovering(Protocol):
    """A builtin that can say what became of a command during which the agent was killed."""

    def recover(self, command: str, message: Mapping[str, object], stop: threading.Event) -> Outcome | None:
        """The outcome, or None when it cannot be known. Called at the agent's start, before new commands."""
        ...
