"""PURE: what makes a group act by itself: a lost holder, a silent one, two active members."""

from actuator.facts import (
    ChainFact,
    Facts,
    NodeFact,
    Reach,
    at_the_same_time,
    empty_own_slots,
    flows_before,
    last_own_block,
    settled_slot,
    witness_behind,
)
from actuator.failover import running
from actuator.failover.enter import anew, barred, begin, latch, limit_reached, notice
from actuator.failover.gap import next_opening
from actuator.failover.machine import Event
from actuator.failover.readiness import best_candidate, unready
from actuator.failover.state import Asked, Automation, Decision, GroupState, Kind, NoticeKind, Policy, Trouble
from actuator.step import Refusal
from nodekit.slots import current_slot, slot_time, window_of

ALERT_COUNTS = 60.0
"""Seconds for which an alert's question counts: what it saw may take some of them to be proven."""
SILENT_SLOTS = 2
"""Empty own slots in a row that mean: unpaused, but not producing."""
HUNG_AFTER = 10.0
"""Seconds of silence outside our window after which a holder counts as hung."""
HUNG_SOON = 2.0
"""When our window opens soon, that much silence is enough."""
URGENT_BEFORE = 8.0
"""Seconds before our window opens in which a restart may not come back in time."""
HUNG_LOOKS = 2
"""Looks that got no answer, beside that time: an actuator that was frozen itself wakes to one of them."""
BLOCK_LEAD = 1.5
"""A block leaves its producer up to 0.6 s before its timestamp (measured), our clock may be 0.5 s slow, and
the node may have worked on until the first look that it did not answer."""


def silent_since(facts: Facts, producer: str, holder: str, active_from: float) -> int | None:
    """First of the newest settled empty slots of our current window, when there are enough of them.

    Slots before `active_from` (unix seconds) were not the holder's to fill.
    """
    chain = facts.chain
    if chain is None:
        return None
    newest = settled_slot(chain)
    window = window_of(newest, chain.producers)
    if window.producer != producer:
        return None
    empty: list[int] = []
    for slot in range(
        max(newest, chain.head_slot), max(window.first_slot, current_slot(active_from)) - 1, -1
    ):
        if slot in chain.blocks:
            break
        empty.insert(0, slot)
    if len(empty) < SILENT_SLOTS or not flows_before(window, chain):
        return None
    return None if witness_behind(facts, holder, empty[0]) else empty[0]


def alive_since(chain: ChainFact | None, producer: str, since: float) -> str | None:
    """Our blocks that were made after the holder went silent, and have not stopped: then it is alive, only
    its API is not."""
    newest = last_own_block(chain, producer) if chain is not None else None
    if chain is None or newest is None or slot_time(newest) - since <= BLOCK_LEAD:
        return None
    if len(empty_own_slots(chain, producer, newest + 1)) >= SILENT_SLOTS:
        return None
    return f"our blocks still arrive (slot {newest}): the node is alive, only its API is gone"


def urgent(facts: Facts, policy: Policy) -> bool:
    """Whether our window is open, or opens so soon that waiting may cost blocks."""
    opens = next_opening(facts, policy.producer)
    return opens is not None and opens - facts.now < URGENT_BEFORE


def hung(holder: NodeFact, facts: Facts, policy: Policy) -> str | None:
    """Why a silent holder shall be fenced by a waiting pause and replaced; None while that is too early.

    Inside our window its empty slots decide; outside there is time to see whether it comes back, but
    not past the opening of the next window. Blocks of ours that still arrive mean that it is alive.
    """
    chain, answered = facts.chain, holder.answered_at
    if holder.reach is not Reach.TIMEOUT or chain is None or answered is None or not holder.starts_paused:
        return None
    if holder.name in policy.proxied or alive_since(chain, policy.producer, answered) is not None:
        return None
    quiet = facts.now - answered
    opens = next_opening(facts, policy.producer)
    if opens is not None and facts.now >= opens:
        empty = [
            slot
            for slot in empty_own_slots(chain, policy.producer, current_slot(answered))
            if slot_time(slot) > opens
        ]
        too_few = len(empty) < SILENT_SLOTS or max(empty) < chain.head_slot
        if too_few or witness_behind(facts, holder.name, empty[0]):
            return None
        return f"{holder.name} does not answer for {quiet:.1f} s and {len(empty)} of our slots stayed empty"
    if holder.silences < HUNG_LOOKS:
        return None  # perhaps we stood still ourselves: the time since its last answer is no evidence alone
    if quiet < (HUNG_SOON if urgent(facts, policy) else HUNG_AFTER):
        return None
    return f"{holder.name} does not answer for {quiet:.1f} s"


def take_over(
    state: GroupState, facts: Facts, policy: Policy, trouble: Trouble, cause: str, since: float
) -> Decision:
    """Begin a plan by our own decision, if everything allows it."""
    kind = Kind.RESTORE if trouble is Trouble.RESTART else Kind.TAKEOVER
    refusal = barred(policy, facts)
    holder = state.holder or ""
    refusals: tuple[Refusal, ...] = ()
    if not unready(holder, facts, policy):  # it came back paused, and is fit
        candidate = holder
    else:
        found, refusals = best_candidate(facts, policy, (holder,))
        if found is None:
            told = notice(
                NoticeKind.BLOCKED, state, policy, cause, *(refusal.why for refusal in refusals),
                about=f"{since:.0f}", deadline=next_opening(facts, policy.producer),
            )  # fmt: skip
            return Decision(state, notices=(told,), refusals=refusals, why=f"{cause}; nobody can take over")
        candidate = found
    if refusal is not None:
        why = f"{cause}; would resume {candidate}"
        told = notice(NoticeKind.WOULD, state, policy, why, refusal.why, about=f"{since:.0f}")
        notices = (told,) if policy.automation is Automation.SHADOW else ()
        return Decision(state, notices=notices, refusals=(refusal, *refusals), why=why)
    if state.observe_until is not None and facts.now < state.observe_until:
        left = state.observe_until - facts.now
        why = f"{cause}; observing one full round after the start first, {left:.0f} s left"
        return Decision(state, refusals=(Refusal("observing", why), *refusals), why=why)
    asked = facts.alerted_at is not None and facts.now - facts.alerted_at <= ALERT_COUNTS
    if policy.on_alert and not asked:
        why = f"{cause}; `trigger: alerts` waits for an alert that asks for a takeover"
        return Decision(state, refusals=(Refusal("trigger", why), *refusals), why=why)
    limit = limit_reached(state, policy, facts.now)
    if limit is not None:
        return latch(
            state, Event.LIMIT_REACHED, facts, policy, f"{cause}; {limit}", by_operator=False
        )  # fmt: skip
    event = Event.NONE_ACTIVE if kind is Kind.RESTORE else Event.HOLDER_LOST
    after = begin(
        state, event, facts.now, kind=kind, cause=cause, target=candidate, since=since, requested_by="watch",
        trouble=trouble,
        unheard=facts.node(holder).reach is not Reach.ANSWERS,
    )  # fmt: skip
    return running.fencing(after, anew(facts), policy, Asked()).with_refusals(*refusals)


def ghost_of(state: GroupState, facts: Facts) -> str | None:
    """The unreachable member that must be producing beside the holder: a slot of ours since it was replaced
    has two different blocks (mode `bounded`). None while there is no such slot."""
    if not state.lost or facts.chain is None:
        return None
    since = current_slot(state.since)
    return state.lost[0] if any(slot > since for slot in facts.chain.doubled) else None


def give_way(state: GroupState, facts: Facts, policy: Policy, ghost: str) -> Decision:
    """A member that nothing reaches produces: pause the holder, the only one that can be reached."""
    cause = f"{ghost} produces as well and cannot be reached: {state.holder} gives way"
    refusal = barred(policy, facts)
    if refusal is not None:
        told = notice(NoticeKind.TWO_ACTIVE, state, policy, cause, about=ghost)
        return Decision(state, notices=(told,), refusals=(refusal,), why=cause)
    after = begin(
        state, Event.TWO_ACTIVE, facts.now, kind=Kind.SEPARATION, cause=cause, target=ghost,
        since=facts.now, requested_by="watch", trouble=Trouble.TWO_ACTIVE,
    )  # fmt: skip
    return running.disarming(after, anew(facts), policy, Asked())


def separate(state: GroupState, facts: Facts, policy: Policy, active: list[str]) -> Decision:
    """Two of ours are active: pause all but the holder at once, also when nothing else may be done."""
    if not at_the_same_time(facts):
        return Decision(
            state, why=f"{' and '.join(active)} read active, but not at the same time: looking again"
        )
    keep = state.holder if state.holder in active else active[0]
    cause = f"{' and '.join(active)} are active at the same time; {keep} stays"
    refusal = barred(policy, facts)
    if refusal is not None:
        told = notice(NoticeKind.TWO_ACTIVE, state, policy, cause, about=f"{'+'.join(active)}")
        return Decision(state, notices=(told,), refusals=(refusal,), why=cause)
    if state.operator_latch:
        told = notice(NoticeKind.TWO_ACTIVE, state, policy, cause, about=f"{'+'.join(active)}")
        refusal = Refusal("operator", "an operator is at work: telling, not acting")
        return Decision(state, notices=(told,), refusals=(refusal,), why=cause)
    after = begin(
        state, Event.TWO_ACTIVE, facts.now, kind=Kind.SEPARATION, cause=cause, target=keep,
        since=facts.now, requested_by="watch", trouble=Trouble.TWO_ACTIVE,
    )  # fmt: skip
    return running.disarming(after, anew(facts), policy, Asked())
