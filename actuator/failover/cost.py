"""PURE: what an incident cost, by the witness's chain."""

from actuator.facts import ChainFact, Facts, empty_own_slots, settled_slot
from actuator.failover.state import Certificate, Kind, Plan, Policy
from actuator.step import State
from nodekit.slots import SLOT_SECONDS, Window, current_slot, next_window, previous_window, slot_at, slot_time


def first_block_after(chain: ChainFact, producer: str, moment: float) -> int | None:
    """Slot of our first block with a timestamp after a moment."""
    for slot in range(max(chain.first_slot, int(slot_at(moment)) + 1), chain.head_slot + 1):
        block = chain.blocks.get(slot)
        if block is not None and block.producer == producer:
            return slot
    return None


def proving_window(plan: Plan, policy: Policy, chain: ChainFact) -> Window | None:
    """The window that proves a plan's target: the first whose end lies after its resume."""
    if plan.resumed_at is None:
        return None
    return next_window(policy.producer, current_slot(plan.resumed_at), chain.producers)


def certificate(plan: Plan, facts: Facts, policy: Policy) -> Certificate | None:
    """The account of a plan whose target has produced; None while it has not."""
    chain = facts.chain
    if chain is None or plan.resumed_at is None:
        return None
    first_block = first_block_after(chain, policy.producer, plan.resumed_at)
    window = proving_window(plan, policy, chain)
    if first_block is None or window is None:
        return None
    last = window.last_slot if plan.kind is Kind.SWITCHOVER else first_block
    first = current_slot(plan.since)
    missed = tuple(slot for slot in empty_own_slots(chain, policy.producer, first) if slot <= last)
    doubled = tuple(sorted(slot for slot in chain.doubled if first <= slot <= last))
    before = previous_window(policy.producer, current_slot(plan.since) + 1, chain.producers)
    return Certificate(
        missed=missed,
        doubled=doubled,
        before=strip(chain, before, plan) if before is not None else "",
        after=strip(chain, window, plan),
        fenced_at=_fenced_at(facts, plan),
        resumed_at=plan.resumed_at,
        first_block_at=slot_time(first_block),
        seconds=max(0.0, slot_time(first_block) - plan.since),
    )


def _fenced_at(facts: Facts, plan: Plan) -> float | None:
    """When the last of the other members acknowledged its pause."""
    done = [
        step.finished_at
        for step in facts.steps
        if step.name.startswith("pause.") and step.state == State.OK and step.node != plan.target
    ]
    return max((moment for moment in done if moment is not None), default=None)


def strip(chain: ChainFact, window: Window, plan: Plan) -> str:
    """A window as one character a slot: the maker's initial, `.` empty, nothing for what is to come.

    Which of our nodes made a block is not on the chain (they sign with one key): blocks up to the
    resume are the old node's, later ones the new node's, because only one of them was active.
    """
    old = (plan.source or "?")[:1].upper()
    new = plan.target[:1].upper()
    text = ""
    for slot in window.slots:
        if slot > settled_slot(chain) and slot not in chain.blocks:
            break
        if slot not in chain.blocks:
            text += "."
        elif plan.resumed_at is not None and slot_time(slot) > plan.resumed_at - SLOT_SECONDS / 2:
            text += new
        else:
            text += old
    return text
