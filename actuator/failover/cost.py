"""PURE: what an incident cost, by the witness's chain."""

from actuator.facts import ChainFact, Facts, empty_own_slots, settled_slot
from actuator.failover.state import Certificate, Kind, Moment, Plan, Policy
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
    """The account of a plan that ends now, proven or not; None when the chain cannot be seen."""
    chain = facts.chain
    if chain is None:
        return None
    proven = None if plan.resumed_at is None else first_block_after(chain, policy.producer, plan.resumed_at)
    window = proving_window(plan, policy, chain)
    first, last = current_slot(plan.since), settled_slot(chain)
    if proven is not None and window is not None:
        last = window.last_slot if plan.kind is Kind.SWITCHOVER else proven
    missed = tuple(slot for slot in empty_own_slots(chain, policy.producer, first) if slot <= last)
    doubled = tuple(sorted(slot for slot in chain.doubled if first <= slot <= last))
    before = previous_window(policy.producer, current_slot(plan.since) + 1, chain.producers)
    return Certificate(
        trouble=plan.trouble,
        missed=missed,
        doubled=doubled,
        before=strip(chain, before, plan) if before is not None else "",
        after=strip(chain, window, plan) if window is not None else "",
        fenced_at=_fenced_at(facts, plan),
        resumed_at=plan.resumed_at,
        first_block_at=None if proven is None else slot_time(proven),
        seconds=None if proven is None else max(0.0, slot_time(proven) - plan.since),
        produced=_produced(chain, policy.producer, range(first, last + 1), plan),
        timeline=_timeline(plan, facts, proven),
    )


def _produced(chain: ChainFact, producer: str, slots: range, plan: Plan) -> tuple[tuple[str, int], ...]:
    """Who made our blocks in these slots: by the old node up to the resume, by the new one after it."""
    counts: dict[str, int] = {}
    for slot in slots:
        block = chain.blocks.get(slot)
        if block is not None and block.producer == producer:
            name = plan.target if _is_new(slot, plan) else plan.source or "unknown"
            counts[name] = counts.get(name, 0) + 1
    return tuple(counts.items())


def _is_new(slot: int, plan: Plan) -> bool:
    return plan.resumed_at is not None and slot_time(slot) > plan.resumed_at - SLOT_SECONDS / 2


def _timeline(plan: Plan, facts: Facts, proven: int | None) -> tuple[Moment, ...]:
    """What happened when, in order."""
    found = [(plan.since, plan.cause), (plan.started_at, f"{plan.kind} #{plan.first_epoch} began")]
    found += [
        (step.finished_at, f"{step.name.partition('.')[0]} {step.node}: {step.state} ({step.detail})")
        for step in facts.steps
        if step.finished_at is not None
    ]
    if proven is not None:
        found.append((slot_time(proven), f"first block of {plan.target} on a witness"))
    found.append((facts.now, "ended"))
    return tuple(Moment(at, current_slot(at), what) for at, what in sorted(found, key=lambda one: one[0]))


def _fenced_at(facts: Facts, plan: Plan) -> float | None:
    """When the last of the other members acknowledged its pause."""
    done = [
        step.finished_at
        for step in facts.steps
        if step.name.startswith("pause.") and step.state == State.OK and step.node != plan.target
    ]
    return max((moment for moment in done if moment is not None), default=None)


def strip(chain: ChainFact, window: Window, plan: Plan) -> str:
    """A window as one character a slot: the maker's initial, `.` empty, `?` made before the old node was
    resumed by us, nothing for what is to come.

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
        elif _is_new(slot, plan):
            text += new
        elif plan.source_since is not None and slot_time(slot) <= plan.source_since - SLOT_SECONDS / 2:
            text += "?"
        else:
            text += old
    return text
