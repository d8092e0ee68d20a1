"""PURE: one look at a member becomes the next belief about it."""

from dataclasses import dataclass, replace

from actuator.facts import NodeFact, Reach, Refusals
from nodekit.slots import slot_of


@dataclass(frozen=True, slots=True)
class Head:
    """A head that a member showed."""

    num: int
    id: str
    slot: int
    producer: str


@dataclass(frozen=True, slots=True)
class Reading:
    """What one look at a member gave. Members after `reach` are None unless it answered."""

    at: float
    reach: Reach
    paused: bool | None = None
    head: Head | None = None
    lib_num: int | None = None
    peers: int | None = None


def believe(before: NodeFact, reading: Reading) -> NodeFact:
    """The belief about a member after a look: what it does not answer now is unknown now."""
    now = reading.at
    answered = reading.reach is Reach.ANSWERS
    broke = reading.reach in (Reach.REFUSED, Reach.BROKEN)
    moved = reading.lib_num is not None and reading.lib_num != before.lib_num
    first_look = before.lib_num is None
    return replace(
        before,
        reach=reading.reach,
        checked_at=now,
        answered_at=now if answered else before.answered_at,
        refusals=_refusals(before, reading),
        paused=reading.paused,
        head_num=reading.head.num if reading.head else None,
        head_slot=reading.head.slot if reading.head else None,
        lib_num=reading.lib_num if reading.lib_num is not None else before.lib_num,
        lib_moved_at=now if moved and not first_look else before.lib_moved_at,
        peers=reading.peers,
        active_since=(before.active_since or now) if answered and reading.paused is False else None,
        silences=0 if answered else before.silences + 1,
        broken_at=now if broke else before.broken_at,
        stopped_at=before.stopped_at if reading.reach is Reach.REFUSED else None,
    )


def stranger(fact: NodeFact) -> NodeFact:
    """What is known of a member at whose address a node of another chain answers: nothing. What that node
    says, and its obedience to a pause, say nothing about ours."""
    return replace(
        fact, reach=Reach.BROKEN, paused=None, head_num=None, head_slot=None, peers=None, agrees=None,
        active_since=None, broken_at=fact.checked_at,
    )  # fmt: skip


def _refusals(before: NodeFact, reading: Reading) -> Refusals | None:
    if reading.reach is not Reach.REFUSED:
        return None
    run = before.refusals
    if run is None:
        return Refusals(reading.at, reading.at, 1, before.answered_at)
    return replace(run, last=reading.at, count=run.count + 1)


def head_of(num: int, block_id: str, time: float, producer: str) -> Head:
    """A head from get_info's members; `time` in unix seconds."""
    return Head(num, block_id, slot_of(time), producer)


def agreement(heads: tuple[Head, ...], known: dict[int, str]) -> bool | None:
    """Whether a member's newest head that the witness knows too is the witness's block."""
    for head in reversed(heads):
        if head.num in known:
            return known[head.num] == head.id
    return None
