"""PURE: what a channel is told next: the most urgent, alone, with its group, or everything as a digest."""

from collections.abc import Sequence
from dataclasses import dataclass

from actuator.message import Note
from actuator.notify.budget import Rate, last_of

PATIENCE = 15.0
"""Seconds within which all that is due must be out one by one; if the budget needs longer: a digest."""
MAYBE = "maybe"
"""Evidence of a note whose last sending may have arrived: a crash or a timeout stood in its middle."""


@dataclass(frozen=True, slots=True)
class Pending:
    """A notification step that waits. Times are unix seconds."""

    id: int
    key: str
    note: Note
    planned_at: float
    run_after: float
    attempts: int = 0
    evidence: str = ""
    """Words among `maybe`, `simple`, `part:N` (parts that arrived), separated by spaces."""
    episode: int | None = None

    @property
    def order(self) -> tuple[int, int]:
        """Critical first, then as they came."""
        return self.note.urgency, self.id

    @property
    def progress(self) -> int:
        """Parts of it that arrived."""
        return next((int(word[5:]) for word in self.evidence.split() if word.startswith("part:")), 0)

    @property
    def simple(self) -> bool:
        """The channel refused its form; it goes out as bare text."""
        return "simple" in self.evidence.split()

    @property
    def maybe(self) -> bool:
        """It may have arrived already."""
        return MAYBE in self.evidence.split()


@dataclass(frozen=True, slots=True)
class Chosen:
    """What goes into the next message, most urgent first; the message holds as many as fit."""

    items: tuple[Pending, ...]
    digest: bool = False


def due(item: Pending, now: float) -> bool:
    """Whether it may be sent: a grouping window never holds back what is critical."""
    return item.run_after <= now or (item.note.urgency == 0 and item.attempts == 0)


def choose(
    pending: Sequence[Pending], recent: Sequence[float], rates: Sequence[Rate], now: float, *, grouping: bool
) -> Chosen | None:
    """The next message; None when nothing is due."""
    ready = sorted((item for item in pending if due(item, now)), key=lambda item: item.order)
    if not ready:
        return None
    lead = ready[0]
    if lead.progress or lead.simple or (len(ready) == 1 and not grouping):
        return Chosen((lead,))
    whole = [item for item in ready if not item.progress and not item.simple]
    kinds = {item.note.group or item.key for item in whole} if grouping else {item.key for item in whole}
    if last_of(len(kinds), recent, rates, now) - now > PATIENCE:
        return Chosen(tuple(whole), digest=True)
    if not grouping or not lead.note.group:
        return Chosen((lead,))
    rest = [item for item in pending if item is not lead and _with(item, lead)]
    return Chosen((lead, *sorted(rest, key=lambda item: item.order)))


def _with(item: Pending, lead: Pending) -> bool:
    """Whether it shares the lead's message, even before its own window ends."""
    return item.note.group == lead.note.group and not item.progress and not item.simple


def wait_for(pending: Sequence[Pending], now: float, idle: float) -> float:
    """Seconds until something is due, at most `idle`."""
    return max(0.0, min((item.run_after - now for item in pending), default=idle))
