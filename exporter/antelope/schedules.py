"""PURE: what a chain's schedules say of us, and what changed since the last look."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from nodekit.answers import Schedules

CHANGES_FOR_US = ("enters", "leaves", "key", "size")
"""What a coming schedule may change for a producer."""


@dataclass(frozen=True, slots=True)
class Seen:
    """What the schedules were when they were last read, and how often they changed since we began."""

    schedules: Schedules | None = None
    changes: int = 0
    key_changes: Mapping[str, int] = field(default_factory=dict)
    """Producer → times that the keys in the active schedule became others."""


def noted(seen: Seen, new: Schedules, ours: Sequence[str]) -> Seen:
    """With another reading; one that is older than the last (of a node that lags) changes nothing."""
    old = seen.schedules
    if old is None:
        return replace(seen, schedules=new, key_changes=dict.fromkeys(ours, 0))
    if new.active.version < old.active.version:
        return seen
    changed = {
        name: seen.key_changes.get(name, 0)
        + bool(
            old.active.keys_of(name)
            and new.active.keys_of(name)
            and old.active.keys_of(name) != new.active.keys_of(name)
        )
        for name in ours
    }
    steps = new.active.version - old.active.version
    return Seen(new, seen.changes + steps, changed)


def coming(schedules: Schedules, producer: str) -> Iterator[str]:
    """What a pending or proposed schedule changes for a producer: `enters`, `leaves`, `key`, `size`."""
    active = schedules.active
    found: set[str] = set()
    for other in (schedules.pending, schedules.proposed):
        if other is None or other.version == active.version:
            continue
        if (producer in other.producers) != (producer in active.producers):
            found.add("leaves" if producer in active.producers else "enters")
        elif other.keys_of(producer) != active.keys_of(producer):
            found.add("key")
        elif len(other.producers) != len(active.producers):
            found.add("size")
    yield from sorted(found)
