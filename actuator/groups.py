"""Group rows of the ledger: state, incidents, sightings. Each function is one piece of a transaction."""

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from sqlalchemy import Connection, Row, select, update
from sqlalchemy.dialects.sqlite import insert

from actuator.failover.state import GroupState, Outcome, Plan
from actuator.schema import group_state, incident, sighting


def load(connection: Connection, group: str) -> GroupState | None:
    """The state that was last written; None for a group that the ledger does not know."""
    raw = connection.scalar(select(group_state.c.state).where(group_state.c.group == group))
    return None if raw is None else GroupState.from_json(raw)


def save(connection: Connection, group: str, state: GroupState, now: float) -> None:
    """Write a group's state; its epoch stands in a column of its own, for the claim of steps."""
    values = {"epoch": state.epoch, "state": state.to_json(), "updated_at": now}
    statement = insert(group_state).values(group=group, **values)
    connection.execute(statement.on_conflict_do_update(index_elements=["group"], set_=values))


def open_incident(connection: Connection, group: str, plan: Plan) -> None:
    """Note that a plan began; the same plan is noted once."""
    values = {
        "group": group,
        "epoch": plan.first_epoch,
        "kind": plan.kind,
        "source": plan.source,
        "target": plan.target,
        "cause": plan.cause,
        "requested_by": plan.requested_by,
        "started_at": plan.started_at,
    }
    connection.execute(insert(incident).values(values).on_conflict_do_nothing())


def close_incident(connection: Connection, group: str, plan: Plan, outcome: Outcome, now: float) -> None:
    """Note how a plan ended and what it cost."""
    paper = None if outcome.certificate is None else asdict(outcome.certificate)
    connection.execute(
        update(incident)
        .where(incident.c.group == group, incident.c.epoch == plan.first_epoch, incident.c.ended_at.is_(None))
        .values(
            ended_at=now, outcome=outcome.outcome, target=plan.target, kind=plan.kind, certificate=paper
        )
    )  # fmt: skip


def incidents(connection: Connection, group: str | None, limit: int) -> list[Row[Any]]:
    """The newest incidents first; of all groups when `group` is None."""
    query = select(incident).order_by(incident.c.started_at.desc()).limit(limit)
    if group is not None:
        query = query.where(incident.c.group == group)
    return list(connection.execute(query))


def sightings(connection: Connection, group: str, urls: Mapping[str, str]) -> dict[str, float]:
    """When each node last answered at the address that it still has, unix seconds."""
    rows = connection.execute(select(sighting).where(sighting.c.group == group))
    return {row.node: row.answered_at for row in rows if urls.get(row.node) == row.url}


def saw(
    connection: Connection, group: str, urls: Mapping[str, str], answered_at: Mapping[str, float]
) -> None:
    """Remember when nodes answered: a restart of ours must not forget that an address was right."""
    for node, moment in answered_at.items():
        values = {"url": urls[node], "answered_at": moment}
        statement = insert(sighting).values(group=group, node=node, **values)
        connection.execute(statement.on_conflict_do_update(index_elements=["group", "node"], set_=values))
