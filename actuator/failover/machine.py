"""PURE: what may follow what in a failover group. Every row of the table carries its reason.

ARCHITECTURE.md shows this table as a diagram; `mermaid()` draws it and a test compares the two.
"""

from dataclasses import dataclass
from enum import StrEnum


class Phase(StrEnum):
    """Where a group stands."""

    OBSERVING = "observing"
    STEADY = "steady"
    WAITING = "waiting"
    FENCING = "fencing"
    RESUMING = "resuming"
    DISARMING = "disarming"
    VERIFYING = "verifying"
    RETURNING = "returning"
    LATCHED = "latched"


class Event(StrEnum):
    """What was seen or asked."""

    ROUND_SEEN = "round_seen"
    PLAN_FOUND = "plan_found"
    SWITCHOVER_ASKED = "switchover_asked"
    GAP_OPEN = "gap_open"
    REQUEST_DROPPED = "request_dropped"
    HOLDER_LOST = "holder_lost"
    NONE_ACTIVE = "none_active"
    TWO_ACTIVE = "two_active"
    OPERATOR_ACTED = "operator_acted"
    HOLDER_BACK = "holder_back"
    OTHERS_FENCED = "others_fenced"
    TARGET_UNFIT = "target_unfit"
    GAP_CLOSING = "gap_closing"
    RESUMED = "resumed"
    RESUME_FAILED = "resume_failed"
    RESUME_UNKNOWN = "resume_unknown"
    DISARMED = "disarmed"
    BLOCK_SEEN = "block_seen"
    SLOTS_EMPTY = "slots_empty"
    TARGET_LOST = "target_lost"
    CANDIDATE_FOUND = "candidate_found"
    ALL_TRIED = "all_tried"
    ONE_ACTIVE = "one_active"
    LIMIT_REACHED = "limit_reached"
    RELEASED = "released"


@dataclass(frozen=True, slots=True)
class Transition:
    """One allowed move and why it is right."""

    phase: Phase
    event: Event
    to: Phase
    why: str


_P, _E = Phase, Event

TABLE: tuple[Transition, ...] = (
    Transition(_P.OBSERVING, _E.ROUND_SEEN, _P.STEADY, "a full round was watched: the picture is complete"),
    Transition(
        _P.OBSERVING, _E.PLAN_FOUND, _P.FENCING,
        "our own restart interrupted a plan: fence everybody anew under a new epoch, then finish it",
    ),
    Transition(_P.OBSERVING, _E.TWO_ACTIVE, _P.DISARMING, "two producers are worse than acting early"),
    Transition(_P.STEADY, _E.SWITCHOVER_ASKED, _P.WAITING, "a switchover costs nothing outside our window"),
    Transition(_P.OBSERVING, _E.SWITCHOVER_ASKED, _P.WAITING, "an operator took charge"),
    Transition(_P.LATCHED, _E.SWITCHOVER_ASKED, _P.WAITING, "an operator took charge"),
    Transition(_P.STEADY, _E.HOLDER_LOST, _P.FENCING, "the holder cannot produce any more: claim the epoch"),
    Transition(_P.STEADY, _E.NONE_ACTIVE, _P.FENCING, "nobody would produce our next window"),
    Transition(_P.STEADY, _E.TWO_ACTIVE, _P.DISARMING, "pause all but the holder at once"),
    Transition(_P.STEADY, _E.OPERATOR_ACTED, _P.LATCHED, "an operator is at work: tell, never fight"),
    Transition(_P.STEADY, _E.LIMIT_REACHED, _P.LATCHED, "too many takeovers: a human must look first"),
    Transition(_P.WAITING, _E.GAP_OPEN, _P.FENCING, "our window is over and the next is far enough away"),
    Transition(_P.WAITING, _E.REQUEST_DROPPED, _P.STEADY, "the target is not fit any more; nothing happened"),
    Transition(_P.FENCING, _E.OTHERS_FENCED, _P.RESUMING, "every other member is fenced and re-read"),
    Transition(_P.FENCING, _E.HOLDER_BACK, _P.STEADY, "the holder is active after all; nothing to do"),
    Transition(_P.FENCING, _E.TARGET_UNFIT, _P.RETURNING, "the new node is not fit: find another"),
    Transition(_P.FENCING, _E.GAP_CLOSING, _P.RETURNING, "our window comes too near to go on"),
    Transition(_P.RESUMING, _E.RESUMED, _P.VERIFYING, "it reads unpaused; its block must prove it"),
    Transition(_P.RESUMING, _E.RESUME_FAILED, _P.RETURNING, "it refused: it is still paused"),
    Transition(_P.RESUMING, _E.RESUME_UNKNOWN, _P.DISARMING, "a resume that timed out still fires later"),
    Transition(_P.DISARMING, _E.DISARMED, _P.RETURNING, "it reads paused again"),
    Transition(_P.DISARMING, _E.ONE_ACTIVE, _P.LATCHED, "one producer is left; a human must find out why"),
    Transition(_P.VERIFYING, _E.BLOCK_SEEN, _P.STEADY, "a witness has its block"),
    Transition(_P.VERIFYING, _E.SLOTS_EMPTY, _P.DISARMING, "unpaused, but it does not produce"),
    Transition(_P.VERIFYING, _E.TWO_ACTIVE, _P.DISARMING, "another member woke up unpaused"),
    Transition(_P.VERIFYING, _E.OPERATOR_ACTED, _P.LATCHED, "an operator paused it, or resumed another"),
    Transition(_P.VERIFYING, _E.TARGET_LOST, _P.RETURNING, "the new node failed before it proved itself"),
    Transition(_P.RETURNING, _E.CANDIDATE_FOUND, _P.FENCING, "somebody else, under a new epoch"),
    Transition(_P.RETURNING, _E.HOLDER_BACK, _P.STEADY, "the old node was never paused and goes on"),
    Transition(_P.RETURNING, _E.TWO_ACTIVE, _P.DISARMING, "meanwhile two members came up: pause all but one"),
    Transition(_P.RETURNING, _E.OPERATOR_ACTED, _P.LATCHED, "an operator resumed another member"),
    Transition(_P.RETURNING, _E.ALL_TRIED, _P.LATCHED, "nobody is left that may be resumed"),
    Transition(_P.LATCHED, _E.TWO_ACTIVE, _P.DISARMING, "two producers are worse than a broken latch"),
    Transition(_P.LATCHED, _E.RELEASED, _P.OBSERVING, "an operator handed the group back to automation"),
)  # fmt: skip

_MOVES = {(row.phase, row.event): row for row in TABLE}


def move(phase: Phase, event: Event) -> Transition:
    """The row for an event. Raises KeyError when the table does not allow it."""
    return _MOVES[phase, event]


def mermaid() -> str:
    """The table as a Mermaid state diagram."""
    rows = [f"    {row.phase} --> {row.to}: {row.event}" for row in TABLE]
    return "\n".join(["stateDiagram-v2", f"    [*] --> {Phase.OBSERVING}", *rows])


if __name__ == "__main__":
    print(mermaid())  # noqa: T201 - the diagram for ARCHITECTURE.md
