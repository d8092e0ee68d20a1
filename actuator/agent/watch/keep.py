"""What is remembered of a service, as a fact of the agent's journal."""

import logging
from dataclasses import asdict, fields
from typing import Any

from actuator.agent.journal import Journal, JournalError
from actuator.agent.watch.policy import GaveUp, Memory

log = logging.getLogger(__name__)


class Kept:
    """One service's memory, and the mark of a start whose process was not seen yet."""

    def __init__(self, journal: Journal, name: str) -> None:
        self._journal = journal
        self._memory, self._pending = f"watch/{name}", f"watch/{name}/start"

    def memory(self) -> Memory:
        """As it was left; a new one when nothing is known. Raises JournalError."""
        found = self._journal.fact(self._memory)
        return Memory() if not isinstance(found, dict) else _read(found)

    def remember(self, memory: Memory) -> None:
        """Outlives our death; after a loss of power a moment may be missing."""
        self._note(self._memory, asdict(memory))

    def pending(self) -> str | None:
        """The mark. Raises JournalError."""
        found = self._journal.fact(self._pending)
        return found if isinstance(found, str) else None

    def pend(self, mark: str | None) -> None:
        """A loss of power ends the start as well: nothing is forced to the disk."""
        self._note(self._pending, mark)

    def _note(self, name: str, value: object) -> None:
        """On a full disk services are watched all the same; the next agent then knows less."""
        try:
            self._journal.note(name, value, lazily=True)
        except JournalError as error:
            log.error("%s is not kept: %s", name, error)


def _read(found: dict[str, Any]) -> Memory:
    """Members of other versions are left out."""
    known = {field.name for field in fields(Memory)}
    values = {key: value for key, value in found.items() if key in known}
    given_up = {field.name for field in fields(GaveUp)}
    gave_up = values.get("gave_up")
    values["gave_up"] = (
        None
        if gave_up is None
        else GaveUp(**{key: value for key, value in gave_up.items() if key in given_up})
    )
    values["starts"] = tuple(values.get("starts", ()))
    return Memory(**values)
