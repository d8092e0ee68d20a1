"""PURE: which episode of an alert a delivery belongs to.

Alertmanager delivers at least once, keeps the *earliest* startsAt of several Prometheus replicas, and
may deliver a firing after its resolve; so neither fingerprint nor startsAt identifies an incident.
An episode lasts from the first firing to the resolve; what happens once happens once an episode.
"""

from dataclasses import dataclass
from enum import StrEnum


class Placement(StrEnum):
    """What a delivered alert means for its fingerprint's episodes."""

    NEW = "new"
    SAME = "same"
    """A repeat, a duplicate, or a replica that saw it start earlier."""
    FLAP = "flap"
    """It resolved and fired again unseen: close the old episode, open a new one."""
    LATE = "late"
    """A retry of a firing whose episode is over: note it, do nothing."""
    CLOSED = "closed"
    STRAY = "stray"
    """A resolve of what was never open here."""

    @property
    def opens(self) -> bool:
        """Whether an episode begins."""
        return self in (Placement.NEW, Placement.FLAP)


@dataclass(frozen=True, slots=True)
class Episode:
    """An episode as the ledger has it; times are unix seconds, `starts_at` by the sender's clock."""

    id: int
    min_starts_at: float
    last_firing_seen: float
    """The newest startsAt that was delivered for it."""
    closed_at: float | None = None
    heard_at: float = 0.0
    """When it was last delivered as firing, to the minute."""


def place(*, firing: bool, starts_at: float, current: Episode | None, last: Episode | None) -> Placement:
    """Where an alert belongs; `current` is the open episode, `last` the newest closed one."""
    if not firing:
        return Placement.CLOSED if current is not None else Placement.STRAY
    if current is not None:
        return Placement.FLAP if starts_at > current.last_firing_seen else Placement.SAME
    if last is not None and last.closed_at is not None and starts_at <= last.last_firing_seen:
        return Placement.LATE
    return Placement.NEW
