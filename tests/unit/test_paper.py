"""An incident as an operator reads it in a terminal."""

from typing import Any

from actuator.paper import certificate_lines, incident_line, timeline_lines

SLOT = 1_700_000_000
INCIDENT: dict[str, Any] = {
    "group": "bp", "epoch": 7, "kind": "takeover", "source": "A", "target": "B", "cause": "A is gone",
    "started_at": 1.6e9, "ended_at": 1.6e9 + 4, "outcome": "verified",
    "certificate": {
        "trouble": "crash", "missed": [SLOT, SLOT + 1], "doubled": [], "before": "A" * 12, "after": "AAAA..BBBBBB",
        "fenced_at": 1.6e9 + 2, "resumed_at": 1.6e9 + 2.1, "first_block_at": 1.6e9 + 3, "seconds": 3.0,
        "produced": [["A", 4], ["B", 6]],
        "timeline": [{"at": 1.6e9, "slot": SLOT, "what": "A is gone"}],
    },
}  # fmt: skip


def test_an_incident_shows_its_cost_who_produced_and_when_what_happened() -> None:
    lines = "\n".join([incident_line(INCIDENT), *certificate_lines(INCIDENT), *timeline_lines(INCIDENT)])

    assert "bp #7 takeover A→B: verified, missed 2, doubled 0 (A is gone)" in lines
    assert "produced 4 by A, 6 by B" in lines
    assert f"slot {SLOT}  12:26:40 UTC  A is gone" in lines


def test_an_incident_that_nobody_could_see_says_that_its_cost_is_unknown() -> None:
    blind = {**INCIDENT, "certificate": None, "outcome": "aborted"}

    assert certificate_lines(blind) == [
        "12:26:44 UTC  takeover #7: aborted; the chain could not be seen, its cost is unknown"
    ]
    assert timeline_lines(blind) == []


def test_a_target_that_made_no_block_is_not_called_proven() -> None:
    unproven = {**INCIDENT, "certificate": {**INCIDENT["certificate"], "first_block_at": None}}

    assert certificate_lines(unproven)[-1] == "  B was not proven; see `chainwarden history`"
