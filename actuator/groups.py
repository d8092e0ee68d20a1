"""Group rows of the ledger: state, incidents, sightings. Each function is one piece of a transaction."""

from collections.abc import Iterable, Mapping
from dataclasses import asdict
from typing import Any

from sqlalchemy import Connection, Row, select, update

from actuator.facts import NodeFact
from actuator.failover.state import GroupState, Outcome, Plan
from actuator.schema import group_state, incident, sighting
from actuator.storage import insert


def load(connection: Connection, group: str) -> GroupState | None:
    """The state that was last written; None for a group that the ledger does not know."""
    raw = connection.scalar(select(group_state.c.state).where(group_state.c.group == group))
    return None if raw is None else GroupState.from_json(raw)


def epoch(connection: Connection, group: str) -> int:
    """A group's fence number now; 0 before its first plan."""
    found = connection.scalar(select(group_state.c.epoch).where(group_state.c.group == group))
    return int(found or 0)


def save(connection: Connection, group: str, state: GroupState, now: float) -> None:
    """Write a group's state; its epoch stands in a column of its own, for the claim of steps."""
    values = {"epoch": state.epoch, "state": state.to_json(), "updated_at": now}
    statement = insert(connection, group_state).values(group=group, **values)
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
    connection.execute(insert(connection, incident).values(values).on_conflict_do_nothing())


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


def sightings(connection: Connection, group: str, urls: Mapping[str, str]) -> dict[str, NodeFact]:
    """What was last seen of each node at the address that it still has: beliefs to begin with."""
    rows = connection.execute(select(sighting).where(sighting.c.group == group))
    return {
        row.node: NodeFact(
            row.node, answered_at=row.answered_at, lib_num=row.lib_num, lib_moved_at=row.lib_moved_at
        )
        for row in rows
        if urls.get(row.node) == row.url
    }


def saw(connection: Connection, group: str, urls: Mapping[str, str], nodes: Iterable[NodeFact]) -> None:
    """Remember what nodes showed: a restart of ours must forget neither that an address was right, nor
    that a last irreversible block moved a moment ago."""
    for node in nodes:
        if node.answered_at is None:
            continue
        values = {
            "url": urls[node.name],
            "answered_at": node.answered_at,
            "lib_num": node.lib_num,
            "lib_moved_at": node.lib_moved_at,
        }
        statement = insert(connection, sighting).values(group=group, node=node.name, **values)
        connection.execute(statement.on_conflict_do_update(index_elements=["group", "node"], set_=values))
