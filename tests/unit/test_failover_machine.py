"""The table of the failover group, and its picture in ARCHITECTURE.md."""

from pathlib import Path

import pytest

from actuator.failover.machine import TABLE, Event, Phase, mermaid, move
from actuator.failover.state import GroupState, Kind, Plan

ROOT = Path(__file__).resolve().parents[2]


def test_no_move_is_written_twice_and_each_says_why() -> None:
    pairs = [(row.phase, row.event) for row in TABLE]

    assert len(pairs) == len(set(pairs))
    assert all(row.why for row in TABLE)


def test_every_phase_can_be_reached_and_left_and_every_event_is_used() -> None:
    assert {row.to for row in TABLE} == set(Phase)
    assert {row.phase for row in TABLE} == set(Phase)
    assert {row.event for row in TABLE} == set(Event)


def test_a_resume_only_ever_follows_the_fencing_of_all_others() -> None:
    assert [(row.phase, row.event) for row in TABLE if row.to is Phase.RESUMING] == [
        (Phase.FENCING, Event.OTHERS_FENCED)
    ]


def test_a_move_that_the_table_does_not_allow_is_an_error() -> None:
    with pytest.raises(KeyError):
        move(Phase.STEADY, Event.OTHERS_FENCED)


def test_the_diagram_in_the_architecture_page_is_this_table() -> None:
    page = (ROOT / "ARCHITECTURE.md").read_text()
    drawn = page.partition("<!-- machine -->")[2].partition("<!-- /machine -->")[0]

    assert drawn.strip() == f"```mermaid\n{mermaid()}\n```", "redraw it: python -m actuator.failover.machine"


def test_a_groups_state_survives_the_ledger() -> None:
    plan = Plan(Kind.SWITCHOVER, "c", "A", "B", "alice", 1.0, 2.0, tried=("C",), wanted="B", first_epoch=3)
    state = GroupState(Phase.VERIFYING, 3, "A", 1.5, plan, takeovers=(1.0, 2.0))

    assert GroupState.from_json(state.to_json()) == state
