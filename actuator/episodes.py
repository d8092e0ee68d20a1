"""Episode rows of the ledger."""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Row, select, update

from actuator.alert import Alert
from actuator.episode import Episode, Placement, place
from actuator.schema import episode, meta
from actuator.storage import insert

MINUTE = 60.0
WATCHDOG = "watchdog_heard_at"


@dataclass(frozen=True, slots=True)
class Placed:
    """Where an alert went: the episode that it opened, continued or closed; None for a stray resolve."""

    placement: Placement
    episode: int | None


def record(connection: Connection, alert: Alert, now: float) -> Placed:
    """Put an alert into its episode, in the caller's transaction."""
    current = _newest(connection, alert.fingerprint, is_open=True)
    last = _newest(connection, alert.fingerprint, is_open=False) if current is None else None
    placement = place(firing=alert.firing, starts_at=alert.starts_at, current=current, last=last)
    if placement is Placement.STRAY:
        return Placed(placement, None)
    if placement is Placement.LATE:
        return Placed(placement, last.id if last is not None else None)
    if placement is Placement.NEW:
        return Placed(placement, _open(connection, alert, now))
    assert current is not None  # noqa: S101 - the remaining placements are of an open episode
    if placement is Placement.FLAP:
        _close(connection, current.id, "implied", now)
        return Placed(placement, _open(connection, alert, now))
    if placement is Placement.CLOSED:
        _close(connection, current.id, "resolved", now)
    else:
        _heard(connection, current, alert.starts_at, now)
    return Placed(placement, current.id)


def _heard(connection: Connection, current: Episode, starts_at: float, now: float) -> None:
    """Note that it still fires, to the minute, and since when by the replica that saw it first."""
    values: dict[str, Any] = {}
    if starts_at < current.min_starts_at:
        values["min_starts_at"] = starts_at
    if now > current.heard_at + MINUTE:
        values["heard_at"] = now
    if values:
        connection.execute(update(episode).where(episode.c.id == current.id).values(values))


def watchdog_came(connection: Connection, now: float) -> None:
    """Note when the always-firing alert arrived, for all actuators."""
    row = {"key": WATCHDOG, "value": str(now)}
    connection.execute(
        insert(connection, meta).values(row).on_conflict_do_update(index_elements=["key"], set_=row)
    )


def watchdog_heard(connection: Connection) -> float | None:
    """When the always-firing alert last arrived at any actuator, unix seconds; None if it never did."""
    found = connection.scalar(select(meta.c.value).where(meta.c.key == WATCHDOG))
    return None if found is None else float(found)


def _newest(connection: Connection, fingerprint: str, *, is_open: bool) -> Episode | None:
    closed = episode.c.closed_at
    query = (
        select(episode)
        .where(episode.c.fingerprint == fingerprint, closed.is_(None) if is_open else closed.is_not(None))
        .order_by(episode.c.id.desc())
        .limit(1)
    )
    row = connection.execute(query).first()
    return None if row is None else _episode(row)


def _episode(row: Row[Any]) -> Episode:
    return Episode(row.id, row.min_starts_at, row.last_firing_seen, row.closed_at, row.heard_at)


def _open(connection: Connection, alert: Alert, now: float) -> int:
    result = connection.execute(
        episode.insert().values(
            fingerprint=alert.fingerprint,
            labels=dict(alert.labels),
            annotations=dict(alert.annotations),
            min_starts_at=alert.starts_at,
            last_firing_seen=alert.starts_at,
            opened_at=now,
            heard_at=now,
        )
    )
    key = result.inserted_primary_key
    assert key is not None  # noqa: S101 - an autoincrement key of a single insert
    return int(key[0])


def _close(connection: Connection, number: int, how: str, now: float) -> None:
    connection.execute(update(episode).where(episode.c.id == number).values(closed_at=now, closed_how=how))
