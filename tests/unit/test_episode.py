"""Episodes: an incident is one episode however often, and in whatever order, it is delivered."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import create_engine, select

from actuator import schema
from actuator.alert import Alert
from actuator.episode import Episode, Placement, place
from actuator.episodes import record

OPEN = Episode(1, min_starts_at=100.0, last_firing_seen=100.0)
CLOSED = Episode(1, min_starts_at=100.0, last_firing_seen=100.0, closed_at=150.0)


@pytest.mark.parametrize(
    ("firing", "starts_at", "current", "last", "expected"),
    [
        (True, 100.0, None, None, Placement.NEW),
        (True, 100.0, OPEN, None, Placement.SAME),
        (True, 90.0, OPEN, None, Placement.SAME),
        (True, 130.0, OPEN, None, Placement.FLAP),
        (True, 100.0, None, CLOSED, Placement.LATE),
        (True, 95.0, None, CLOSED, Placement.LATE),
        (True, 160.0, None, CLOSED, Placement.NEW),
        (False, 100.0, OPEN, None, Placement.CLOSED),
        (False, 100.0, None, CLOSED, Placement.STRAY),
        (False, 100.0, None, None, Placement.STRAY),
    ],
    ids=[
        "first", "repeat", "a replica saw it earlier", "resolved and fired again unseen", "retry after its resolve",
        "earlier replica after its resolve", "fires again", "resolves", "resolve twice", "resolve of the unknown",
    ],
)  # fmt: skip
def test_each_row_of_the_table(
    firing: bool, starts_at: float, current: Episode | None, last: Episode | None, expected: Placement
) -> None:
    assert place(firing=firing, starts_at=starts_at, current=current, last=last) is expected


def alert(status: str, starts_at: float) -> Alert:
    return Alert(status, "f1", {"alertname": "T"}, {}, starts_at)


@pytest.fixture
def connection(tmp_path: Path) -> Iterator[object]:
    engine = create_engine(f"sqlite:///{tmp_path}/l.db")
    schema.metadata.create_all(engine)
    with engine.begin() as found:
        yield found
    engine.dispose()


def test_a_replicas_earlier_start_is_remembered_and_opens_nothing(connection) -> None:  # type: ignore[no-untyped-def]
    first = record(connection, alert("firing", 100.0), 101.0)
    second = record(connection, alert("firing", 95.0), 102.0)

    assert second.episode == first.episode
    assert connection.scalar(select(schema.episode.c.min_starts_at)) == 95.0


@settings(max_examples=60)
@given(st.lists(st.tuples(st.sampled_from(["firing", "resolved"]), st.integers(0, 5)), max_size=30))
def test_one_incident_delivered_in_any_way_opens_one_episode_at_a_time(
    deliveries: list[tuple[str, int]],
) -> None:
    """Starts that only move earlier (replicas), repeats, late retries, resolves: never two episodes open."""
    engine = create_engine("sqlite://")
    schema.metadata.create_all(engine)
    with engine.begin() as connection:
        opened = 0
        for number, (status, earlier) in enumerate(deliveries):
            placed = record(connection, alert(status, 100.0 - earlier), 200.0 + number)
            opened += placed.placement.opens
        rows = connection.execute(select(schema.episode)).all()
    engine.dispose()

    assert len(rows) == opened
    assert sum(row.closed_at is None for row in rows) <= 1
    # Without a firing that is newer than the first, everything is one incident, or a flap upwards.
    highest = [row.last_firing_seen for row in rows]
    assert highest == sorted(highest)
