"""PURE: an incident of the API as lines for a terminal: one line, its certificate, its timeline."""

from collections.abc import Mapping, Sequence
from typing import Any

from actuator.failover.explain import day, utc
from nodekit.slots import slot_time


def incident_line(incident: Mapping[str, Any]) -> str:
    """One line of the history."""
    paper = incident["certificate"]
    cost = f", missed {len(paper['missed'])}, doubled {len(paper['doubled'])}" if paper else ""
    outcome = incident["outcome"] or "under way"
    return (
        f"{day(incident['started_at'])}  {incident['group']} #{incident['epoch']} {incident['kind']} "
        f"{incident['source'] or '?'}→{incident['target']}: {outcome}{cost} ({incident['cause']})"
    )


def certificate_lines(incident: Mapping[str, Any]) -> list[str]:
    """What an ended incident proved and cost."""
    paper = incident["certificate"]
    ended = f"{utc(incident['ended_at'])}  {incident['kind']} #{incident['epoch']}: {incident['outcome']}"
    if paper is None:
        return [f"{ended}; the chain could not be seen, its cost is unknown"]
    made = ", ".join(f"{count} by {name}" for name, count in paper.get("produced", ())) or "none"
    lines = [
        f"{ended}: {incident['source'] or 'nobody'} → {incident['target']}",
        f"  before   {paper['before']}",
        f"  after    {paper['after']}",
        f"  missed   {len(paper['missed'])} blocks{_slots(paper['missed'])}",
        f"  doubled  {len(paper['doubled'])} blocks{_slots(paper['doubled'])}",
        f"  produced {made}",
        f"  fenced {utc(paper['fenced_at'])}, resumed {utc(paper['resumed_at'])}",
    ]
    if paper["first_block_at"] is None:
        return [*lines, f"  {incident['target']} was not proven; see `chainwarden history`"]
    return [*lines, f"  first block {utc(paper['first_block_at'])}"]


def _slots(slots: Sequence[int]) -> str:
    return f" (first at {utc(slot_time(slots[0]))})" if slots else ""


def timeline_lines(incident: Mapping[str, Any]) -> list[str]:
    """What happened when: slot number, UTC, words; slots count from the chain's beginning of time."""
    moments = (incident["certificate"] or {}).get("timeline", ())
    return [f"  slot {moment['slot']}  {utc(moment['at'])}  {moment['what']}" for moment in moments]
