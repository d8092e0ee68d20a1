"""Step rows of the ledger: plan, claim, finish, list. Each function is one piece of a transaction."""

from collections.abc import Collection, Iterable
from typing import Any

from sqlalchemy import Connection, Row, and_, exists, or_, select, update

from actuator.schema import group_state, step
from actuator.step import Claimed, Lane, Receipt, State, Step
from actuator.storage import insert

_other = step.alias("other")


def add(
    connection: Connection, planned: Step, now: float, *, skip: str | None = None, wait: float = 0.0
) -> bool:
    """Write an intention down; False when its key was ever used before. `skip` closes it with a reason.

    `wait` seconds pass before it is performed.
    """
    row = {
        "key": planned.key,
        "action": planned.action,
        "target": planned.target,
        "lane": planned.lane,
        "reason": planned.reason,
        "arguments": dict(planned.arguments),
        "group": planned.group,
        "epoch": planned.epoch,
        "episode": planned.episode,
        "state": State.PLANNED if skip is None else State.SKIPPED,
        "planned_at": now,
        "run_after": now + wait,
        "not_after": planned.not_after,
        "finished_at": None if skip is None else now,
        "detail": skip or "",
    }
    statement = insert(connection, step).values(row).on_conflict_do_nothing(index_elements=["key"])
    return connection.execute(statement).rowcount == 1


def claim(
    connection: Connection, lane: Lane, now: float, groups: Collection[str] | None = None
) -> Claimed | None:
    """Take the oldest step of a lane whose target is free; it is `executing` from here on.

    With `groups`, only steps of these groups and of none are taken: other actuators lead the others.
    A step that is too late, or of an older epoch than its group's, is skipped with that reason.
    """
    while True:
        row = connection.execute(_next(lane, now, groups)).first()
        if row is None:
            return None
        problem = _outdated(connection, row, now)
        if problem is not None:
            finish(connection, row.key, Receipt(State.SKIPPED, problem), now)
            continue
        connection.execute(
            update(step)
            .where(step.c.id == row.id)
            .values(state=State.EXECUTING, claimed_at=now, attempts=row.attempts + 1)
        )
        return Claimed(_step(row), row.attempts)


def _next(lane: Lane, now: float, groups: Collection[str] | None) -> Any:
    busy = exists().where(and_(_other.c.target == step.c.target, _other.c.state == State.EXECUTING))
    query = (
        select(step)
        .where(step.c.state == State.PLANNED, step.c.lane == lane, step.c.run_after <= now, ~busy)
        .order_by(step.c.id)
        .limit(1)
        .with_for_update(skip_locked=True)
    )
    return query if groups is None else query.where(or_(step.c.group.is_(None), step.c.group.in_(groups)))


def _outdated(connection: Connection, row: Row[Any], now: float) -> str | None:
    if row.not_after is not None and now > row.not_after:
        return "too late: its deadline passed before it could be performed"
    return fenced_off(connection, row.group, row.epoch)


def fenced_off(connection: Connection, group: str | None, epoch: int | None) -> str | None:
    """Why a step of this epoch must not be performed; None when the epoch is the group's own."""
    if group is None or epoch is None:
        return None
    current = connection.scalar(select(group_state.c.epoch).where(group_state.c.group == group))
    if current != epoch:
        return f"superseded: the group is at epoch {current}, this step is of epoch {epoch}"
    return None


def finish(connection: Connection, key: str, receipt: Receipt, now: float) -> bool:
    """Write down what became of a step; False when that was known. `retry_in` puts it back in the queue."""
    values: dict[str, Any] = {
        "state": receipt.state,
        "detail": receipt.detail,
        "evidence": receipt.evidence,
        "finished_at": now,
    }
    if receipt.retry_in is not None:
        values = {"state": State.PLANNED, "detail": receipt.detail, "run_after": now + receipt.retry_in}
    # A step that another actuator closed meanwhile, by looking, keeps what that one saw.
    still = step.c.state.in_([State.PLANNED, State.EXECUTING])
    return connection.execute(update(step).where(step.c.key == key, still).values(values)).rowcount == 1


def executing(connection: Connection, group: str | None = None) -> list[Claimed]:
    """Steps that were being performed when the last process ended, oldest first; of one group when given."""
    query = select(step).where(step.c.state == State.EXECUTING).order_by(step.c.id)
    rows = connection.execute(query if group is None else query.where(step.c.group == group))
    return [Claimed(_step(row), row.attempts) for row in rows]


def cancel(connection: Connection, group: str, before_epoch: int, reason: str, now: float) -> None:
    """Skip the steps of a group's older epochs that nobody has claimed yet."""
    connection.execute(
        update(step)
        .where(step.c.group == group, step.c.epoch < before_epoch, step.c.state == State.PLANNED)
        .where(step.c.lane == Lane.CONTROL)
        .values(state=State.SKIPPED, detail=reason, finished_at=now)
    )


def of_epoch(connection: Connection, group: str, epoch: int) -> list[Row[Any]]:
    """The control steps of one epoch of a group, oldest first."""
    query = select(step).where(step.c.group == group, step.c.epoch == epoch, step.c.lane == Lane.CONTROL)
    return list(connection.execute(query.order_by(step.c.id)))


def latest(connection: Connection, limit: int) -> Iterable[Row[Any]]:
    """The newest steps first."""
    return connection.execute(select(step).order_by(step.c.id.desc()).limit(limit)).all()


def _step(row: Row[Any]) -> Step:
    return Step(
        key=row.key,
        action=row.action,
        target=row.target,
        reason=row.reason,
        lane=Lane(row.lane),
        arguments=row.arguments,
        not_after=row.not_after,
        group=row.group,
        epoch=row.epoch,
        episode=row.episode,
    )
