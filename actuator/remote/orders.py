"""Commands to agents in the ledger: written before they are sent, answered once."""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import Connection, Row, func, select, update

from actuator import outcome
from actuator.remote.wire import MEANING, NOT_NOW
from actuator.schema import remote_order, step
from actuator.step import Receipt, State

LATE = 86400.0
"""Seconds after which a result is not waited for any more."""
SHOWN = 500
"""Characters of an output in a step's detail."""


def open_order(
    connection: Connection, key: str | None, host: str, message: Mapping[str, object], now: float
) -> int:
    """Write a command down; its task_id.

    Ids follow the clock, so that a new ledger uses none of an old one's; below 2^32, as the original's.
    """
    newest = connection.scalar(select(func.max(remote_order.c.task_id)))
    task_id = max(int(now), (newest or 0) + 1)
    full = {**message, "task_id": task_id}
    connection.execute(
        remote_order.insert().values(task_id=task_id, step=key, host=host, message=full, sent_at=now)
    )
    return task_id


def unanswered(connection: Connection, now: float) -> list[Row[Any]]:
    """Commands whose result may still come."""
    query = select(remote_order).where(
        remote_order.c.answered_at.is_(None), remote_order.c.sent_at > now - LATE
    )
    return list(connection.execute(query.order_by(remote_order.c.task_id)))


def by_step(connection: Connection, key: str) -> Row[Any] | None:
    """The command that a step sent."""
    return connection.execute(select(remote_order).where(remote_order.c.step == key)).first()


def answer(connection: Connection, task_id: int, code: int, output: str, now: float) -> bool:
    """Write a result down, the first one only; a step that was closed as unknown learns how it ended."""
    mine = update(remote_order).where(remote_order.c.task_id == task_id, remote_order.c.answered_at.is_(None))
    if connection.execute(mine.values(answered_at=now, code=code, output=output)).rowcount != 1:
        return False
    key = connection.scalar(select(remote_order.c.step).where(remote_order.c.task_id == task_id))
    late = update(step).where(step.c.key == key, step.c.state == State.UNKNOWN)
    receipt = Receipt(state_of(code), f"answered late: {told(code, output)}")
    closed = connection.execute(late.values(state=receipt.state, detail=receipt.detail, finished_at=now))
    if key is not None and closed.rowcount == 1:
        outcome.tell(connection, key, receipt, now)
    return True


def state_of(code: int) -> State:
    """What a result means for its step."""
    if MEANING.get(code, "").startswith("the agent was interrupted"):
        return State.UNKNOWN
    if code == NOT_NOW:
        return State.SKIPPED
    return State.OK if code == 0 else State.FAILED


def told(code: int, output: str) -> str:
    """A result in one line."""
    said = " ".join(output.split())[:SHOWN]
    meaning = f" ({MEANING[code]})" if code in MEANING else ""
    number = str(code) if code < 0x1000 else f"0x{code:04x}"
    return f"code {number}{meaning}" + (f": {said}" if said else "")
