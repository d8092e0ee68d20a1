"""Hand-made facts for failover decisions: a group A, B, C on a chain of four, seen by one witness."""

from dataclasses import replace
from typing import Any

from actuator.facts import ChainFact, Facts, NodeFact, Reach, Refusals, SeenBlock, StepFact
from actuator.failover.machine import Phase
from actuator.failover.state import GroupState, Kind, Plan, Policy
from nodekit.slots import owner, slot_time

PRODUCERS = ("aa", "bb", "cc", "ours")
ROUND = 48
BASE = ROUND * 1000
"""First slot of a round; our window is its slots 36 to 47."""
OUR_FIRST = BASE + 36
POLICY = Policy(group="bp", producer="ours", members=("A", "B", "C"))


def at(slot: float, phase: float = 0.4) -> float:
    """A moment `phase` seconds after a slot's timestamp: its block has arrived by then."""
    return slot_time(BASE + slot) + phase


def node(name: str, now: float, **changes: Any) -> NodeFact:
    """A member that answers, is in sync and paused."""
    fact = NodeFact(
        name, Reach.ANSWERS, checked_at=now, answered_at=now, paused=True, head_num=100,
        head_slot=int((now - 0.3 - slot_time(0)) // 0.5), lib_num=50, lib_moved_at=now - 3, peers=2, agrees=True,
        starts_paused=True,
    )  # fmt: skip
    return replace(fact, **changes)


def dead(name: str, now: float, since: float, **changes: Any) -> NodeFact:
    """A member that refuses connections since a moment."""
    run = Refusals(since, now, 11, since - 0.2)
    fact = NodeFact(
        name,
        Reach.REFUSED,
        checked_at=now,
        answered_at=since - 0.2,
        refusals=run,
        silences=run.count,
        broken_at=now,
        starts_paused=True,
    )
    return replace(fact, **changes)


def chain(now: float, empty: tuple[int, ...] = (), **changes: Any) -> ChainFact:
    """The witness's view at a moment: all slots filled but the given ones (relative to BASE)."""
    newest = int((now - 0.3 - slot_time(0)) // 0.5)
    first = BASE - 2 * ROUND
    gone = {BASE + slot for slot in empty}
    blocks = {
        slot: SeenBlock(slot - first, f"id{slot}", owner(slot, PRODUCERS))
        for slot in range(first, newest + 1)
        if slot not in gone
    }
    fact = ChainFact(
        witnesses=1, checked_at=now, producers=PRODUCERS, schedule_version=1, our_keys=("KEY",), changing=None,
        head_slot=max(blocks), first_slot=first, blocks=blocks,
    )  # fmt: skip
    return replace(fact, **changes)


def facts(
    now: float, *nodes: NodeFact, view: ChainFact | None = None, steps: tuple[StepFact, ...] = ()
) -> Facts:
    """Facts at a moment; members that are not given are healthy: A active, B and C paused."""
    shown = chain(now) if view is None else view
    given = {item.name: item for item in nodes}
    healthy = {name: node(name, now, paused=name != "A", head_slot=shown.head_slot) for name in "ABC"}
    members = tuple(given.get(name, healthy[name]) for name in "ABC")
    return Facts(now, members, shown, steps)


def blind(now: float, *nodes: NodeFact) -> Facts:
    """The same without any witness."""
    return replace(facts(now, *nodes), chain=None)


def steady(**changes: Any) -> GroupState:
    """A holds production, long since."""
    state = GroupState(Phase.STEADY, epoch=4, holder="A", since=slot_time(BASE - 10 * ROUND))
    return replace(state, **changes)


def planned(phase: Phase, now: float, kind: Kind = Kind.TAKEOVER, **changes: Any) -> GroupState:
    """In the middle of a plan from A to B, epoch 5, that began 10 s ago; `changes` are of the plan."""
    plan = Plan(
        kind, "cause", "A", "B", "watch", started_at=now - 10, since=now - 12, wanted="B", first_epoch=5
    )
    return steady(phase=phase, epoch=5, since=now - 1, plan=replace(plan, **changes))


def done(name: str, member: str, moment: float, state: str = "ok") -> StepFact:
    """A finished step of the current epoch."""
    return StepFact(name, member, state, moment, "detail")
