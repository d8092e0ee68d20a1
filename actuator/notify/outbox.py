"""Notification steps of the ledger, and each channel's state. A function is one piece of a transaction.

One message a channel is under way at a time, over all actuators: its lead step is `executing`, and
`sink_state.in_flight` names all steps that it carries.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Row, delete, exists, func, select, update

from actuator.message import from_arguments
from actuator.notify.choose import MAYBE, Pending
from actuator.schema import delivery, sink_state, step
from actuator.step import Lane, State
from actuator.storage import insert

MOST = 5000
"""Waiting steps that one look takes in."""
KEEP = 30 * 86400.0
"""Seconds that the delivery log goes back."""


@dataclass(frozen=True, slots=True)
class SinkState:
    """A channel as all actuators know it; times are unix seconds."""

    recent: tuple[float, ...] = ()
    failures: int = 0
    """Failed attempts in a row."""
    closed_until: float = 0.0
    """Nothing is sent before."""
    broken: str = ""
    """Why nothing will ever be delivered until somebody mends it."""
    last_success: float | None = None


def target(sink: str) -> str:
    """The target of every step of a sink."""
    return f"sink:{sink}"


def state_of(connection: Connection, sink: str) -> SinkState:
    """What is known of a channel; the row is locked until the transaction ends."""
    row = connection.execute(
        select(sink_state).where(sink_state.c.name == sink).with_for_update()
    ).first()  # fmt: skip
    return SinkState() if row is None else _state(row)


def states(connection: Connection) -> dict[str, SinkState]:
    """All channels that were ever used."""
    return {row.name: _state(row) for row in connection.execute(select(sink_state))}


def _state(row: Row[Any]) -> SinkState:
    return SinkState(
        tuple(row.recent), row.failures, row.closed_until, row.broken, row.last_success
    )  # fmt: skip


def keep_state(connection: Connection, sink: str, state: SinkState, in_flight: Sequence[int] = ()) -> None:
    """Write a channel's state down."""
    values = {
        "recent": list(state.recent),
        "in_flight": list(in_flight),
        "failures": state.failures,
        "closed_until": state.closed_until,
        "broken": state.broken,
        "last_success": state.last_success,
    }
    statement = insert(connection, sink_state).values(name=sink, **values)
    connection.execute(statement.on_conflict_do_update(index_elements=["name"], set_=values))


def busy(connection: Connection, sink: str) -> bool:
    """Whether a message to this channel is under way, from any actuator."""
    query = select(exists().where(step.c.target == target(sink), step.c.state == State.EXECUTING))
    return bool(connection.scalar(query))


def pending(connection: Connection, sink: str) -> list[Pending]:
    """What waits for a channel, oldest first; nothing while a message of it is under way."""
    if busy(connection, sink):
        return []
    query = (
        select(step)
        .where(step.c.state == State.PLANNED, step.c.lane == Lane.NOTIFY, step.c.target == target(sink))
        .order_by(step.c.id)
        .limit(MOST)
    )
    return [_pending(row) for row in connection.execute(query)]


def _pending(row: Row[Any]) -> Pending:
    return Pending(
        id=row.id,
        key=row.key,
        note=from_arguments(row.arguments),
        planned_at=row.planned_at,
        run_after=row.run_after,
        attempts=row.attempts,
        evidence=row.evidence,
        episode=row.episode,
    )


def take(connection: Connection, lead: Pending, now: float) -> bool:
    """Mark the lead of a message as being sent; False when somebody else was faster."""
    taken = connection.execute(
        update(step)
        .where(step.c.id == lead.id, step.c.state == State.PLANNED)
        .values(state=State.EXECUTING, claimed_at=now, attempts=step.c.attempts + 1)
    )
    return taken.rowcount == 1


def close(connection: Connection, ids: Sequence[int], state: State, detail: str, now: float) -> None:
    """Write down what became of the steps of a message."""
    connection.execute(
        update(step)
        .where(step.c.id.in_(list(ids)))
        .values(state=state, detail=detail, finished_at=now, claimed_at=func.coalesce(step.c.claimed_at, now))
    )


def again(connection: Connection, ids: Sequence[int], detail: str, run_after: float, evidence: str) -> None:
    """Put the steps of a message back into the queue; `evidence` is what is known of them now."""
    connection.execute(
        update(step)
        .where(step.c.id.in_(list(ids)))
        .values(state=State.PLANNED, detail=detail, run_after=run_after, evidence=evidence)
    )


def reopen(connection: Connection, sink: str) -> None:
    """Let a channel be tried now, whatever it said before: somebody may have mended it."""
    connection.execute(
        update(sink_state).where(sink_state.c.name == sink).values(closed_until=0.0, failures=0)
    )


def recover(connection: Connection, detail: str, now: float, before: float | None = None) -> list[str]:
    """Put back what a crash left in the middle of being sent, marked as maybe delivered; its keys.

    With `before` (unix seconds) only what was begun earlier: another actuator may be sending the rest.
    """
    query = select(step).where(step.c.state == State.EXECUTING, step.c.lane == Lane.NOTIFY)
    rows = connection.execute(query if before is None else query.where(step.c.claimed_at < before)).all()
    for row in rows:
        flying = connection.scalar(
            select(sink_state.c.in_flight).where(sink_state.c.name == row.target.removeprefix(target("")))
        )
        for number in {row.id, *(flying or [])}:
            found = connection.scalar(select(step.c.evidence).where(step.c.id == number)) or ""
            again(connection, [number], detail, now, with_word(found, MAYBE))
    return [row.key for row in rows]


def with_word(evidence: str, word: str) -> str:
    """Evidence with one word more; a new `part:N` replaces the old."""
    kept = [old for old in evidence.split() if old != word and not (word[:5] == old[:5] == "part:")]
    return " ".join([*kept, word])


def log_delivery(
    connection: Connection,
    *,
    sink: str,
    at: float,
    outcome: str,
    steps: Sequence[Pending],
    title: str,
    detail: str,
    took: float,
) -> None:
    """One line of the delivery log: one attempt to send one message."""
    connection.execute(
        delivery.insert().values(
            sink=sink, at=at, outcome=outcome, step=steps[0].key, steps=len(steps), title=title[:500],
            detail=detail, took=took,
        )
    )  # fmt: skip
    connection.execute(delete(delivery).where(delivery.c.at < at - KEEP))


def deliveries(connection: Connection, limit: int) -> list[dict[str, Any]]:
    """The newest attempts first."""
    rows = connection.execute(select(delivery).order_by(delivery.c.id.desc()).limit(limit))
    return [dict(row._mapping) for row in rows]


def waiting(connection: Connection) -> dict[str, int]:
    """How many steps wait or are being sent, by sink."""
    query = (
        select(step.c.target, func.count())
        .where(step.c.lane == Lane.NOTIFY, step.c.state.in_([State.PLANNED, State.EXECUTING]))
        .group_by(step.c.target)
    )
    return {row[0].removeprefix(target("")): row[1] for row in connection.execute(query)}
