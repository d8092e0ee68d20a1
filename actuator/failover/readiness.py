"""PURE: every reason why a node is not fenced, or may not be resumed. Unknown is a reason too."""

from collections.abc import Mapping

from actuator.facts import FRESH_SLOTS, Facts, NodeFact, Reach, lag_of, stalled, vacant_slots
from actuator.failover.state import Policy
from actuator.step import Refusal, State

LIB_STILL = 60.0
"""Seconds without a new last irreversible block that count as still; with 21 producers it moves every 6 s."""
ANSWER_WINDOW = 60.0
"""`gone` needs an address that answered within this many seconds before the refusals (DESIGN §5.2)."""
REFUSALS = 3
WITNESSES, VACANT = 2, 4
"""What mode `bounded` needs: so many witnesses that agree, so many of our slots that stayed empty."""
STALE = 3.0
"""Seconds after which a reading proves nothing any more."""


def gone(node: NodeFact, now: float, after: float) -> str | None:
    """Evidence that a node's process is gone and cannot come back producing; None while unproven."""
    said = refused(node, now, after)
    if said is None or not node.starts_paused:
        return None
    return f"{node.name} is gone: {said}, and starts paused"


def found_stopped(node: NodeFact, now: float) -> str | None:
    """That its host's agent finds it stopped since its connection ended; its answer to a pause proves it."""
    run = node.refusals
    if node.reach is not Reach.REFUSED or run is None or node.stopped_at is None or now - run.last > STALE:
        return None
    return f"{node.name} is gone: its host's agent finds no process since its connection ended"


def worth_asking(node: NodeFact, now: float, after: float) -> str | None:
    """Why the agent of its host shall be asked for a proof: `gone` but for an asserted start fence."""
    said = refused(node, now, after)
    return f"{node.name} is gone: {said}; its host's agent has to prove it" if said and node.agent else None


def refused(node: NodeFact, now: float, after: float) -> str | None:
    """That a node's API ended and stays away, in words; None while that is not certain."""
    run = node.refusals
    if node.reach is not Reach.REFUSED or run is None:
        return None
    lasted = run.last - run.since
    if run.count < REFUSALS or lasted < after or run.answered_before is None:
        return None
    if run.since - run.answered_before > ANSWER_WINDOW or now - run.last > STALE:
        return None
    ago = max(0.0, run.since - run.answered_before)
    return f"it refused {run.count} connections over {lasted:.1f} s, had answered {ago:.1f} s before"


def not_gone_because(node: NodeFact, after: float) -> str:
    """In words, what is missing for `gone`."""
    run = node.refusals
    if node.reach is Reach.TIMEOUT:
        return f"{node.name} does not answer in time; a hung or cut-off node may still produce"
    if node.reach is Reach.REFUSED and run is not None:
        if not node.starts_paused:
            unproven = ", and its host's agent has not proven it stopped" if node.agent else ""
            why = f"{node.name} refuses connections, but without `starts_paused` it may restart producing"
            return why + unproven
        if run.answered_before is None or run.since - run.answered_before > ANSWER_WINDOW:
            return (
                f"{node.name} refuses connections, but had not answered in the {ANSWER_WINDOW:.0f} s before"
            )
        return f"{node.name} refuses connections for {run.last - run.since:.1f} s; {after:g} s prove it gone"
    if node.reach is Reach.UNSEEN:
        return f"{node.name} was not reached yet"
    return f"{node.name} gives no usable answer: an HTTP error, no nodeos, or one of another chain"


def just_restarted(node: NodeFact, now: float) -> bool:
    """Whether its connection broke moments ago: what it does now, its start did and no operator."""
    return node.broken_at is not None and now - node.broken_at < STALE


def paused_by_us(node: NodeFact, facts: Facts) -> bool:
    """An acknowledged explicit pause of this epoch, re-read as true, with no restart since."""
    done = [
        step.finished_at
        for step in facts.steps
        if step.node == node.name and step.name.startswith("pause.") and step.state == State.OK
    ]
    acknowledged = max((moment for moment in done if moment is not None), default=None)
    return (
        acknowledged is not None
        and node.paused is True
        and node.checked_at is not None
        and node.checked_at >= acknowledged
        and (node.broken_at is None or node.broken_at < acknowledged)
    )


def queued(node: NodeFact, facts: Facts, policy: Policy) -> str | None:
    """Evidence that a silent node pauses itself when it wakes: a pause of this epoch waits at it."""
    waiting = [
        step.finished_at
        for step in facts.steps
        if step.node == node.name and step.name.startswith("pause.") and step.evidence == "queued"
    ]
    acknowledged = max((moment for moment in waiting if moment is not None), default=None)
    if node.reach is not Reach.TIMEOUT or not node.starts_paused or acknowledged is None:
        return None
    if node.name in policy.proxied or (node.broken_at is not None and node.broken_at >= acknowledged):
        return None
    return f"{node.name} is silent, its kernel holds our pause: it pauses when it wakes, and starts paused"


def lost(node: NodeFact, facts: Facts, policy: Policy) -> str | None:
    """Mode `bounded` only: the witnesses see that nobody fills our slots since the node fell silent
    (DESIGN §5.3). It bounds what can go wrong, it excludes nothing: the node may come back producing."""
    if not policy.bounded or node.reach in (Reach.ANSWERS, Reach.UNSEEN) or node.answered_at is None:
        return None
    if lost_lacks(node, facts, policy) is not None or facts.chain is None:
        return None
    if any(step.node == node.name and step.name.startswith("resume.") for step in facts.steps):
        return None  # our own resume may still wait at it: only a pause behind that helps
    empty = len(vacant_slots(facts.chain, policy.producer, node.answered_at))
    return (
        f"{node.name} cannot be reached; {facts.chain.agreeing} witnesses agree that {empty} of our slots "
        "stayed empty after the others' blocks"
    )


def lost_lacks(node: NodeFact, facts: Facts, policy: Policy) -> str | None:
    """What mode `bounded` waits for, in words; None when it has it."""
    chain = facts.chain
    if chain is None or chain.agreeing < WITNESSES:
        agree = 0 if chain is None else chain.agreeing
        return f"{WITNESSES} witnesses must agree, {agree} do"
    if stalled(chain, policy.producer):
        return "the whole chain, or our view of it, stands still"
    empty = vacant_slots(chain, policy.producer, node.answered_at or 0.0)
    if len(empty) < VACANT:
        return f"{VACANT} of our slots must stay empty, {len(empty)} did"
    return None


def stopped(node: NodeFact, facts: Facts) -> str | None:
    """Evidence by the agent of its host: the process is stopped, its start is fenced (DESIGN §5.2)."""
    said = [
        step.finished_at
        for step in facts.steps
        if step.node == node.name and step.name.startswith("pause.") and step.evidence == "stopped"
    ]
    confirmed = max((moment for moment in said if moment is not None), default=None)
    if confirmed is None or node.reach is Reach.ANSWERS:
        return None
    if node.answered_at is not None and node.answered_at >= confirmed:
        return None  # it was started again meanwhile
    return f"{node.name} is stopped and its start is fenced, says its host's agent"


def _proof(node: NodeFact, facts: Facts, policy: Policy) -> str | None:
    """Evidence that does not need the node's own answer."""
    return gone(node, facts.now, policy.gone_after) or queued(node, facts, policy) or stopped(node, facts)


def must_be_read(node: NodeFact, facts: Facts, policy: Policy) -> bool:
    """Whether a member is read once more before another is resumed: all but those whose silence is proven to
    be the end of a process, or a pause that waits."""
    return _proof(node, facts, policy) is None


def unfenced_now(facts: Facts, policy: Policy, shown: Mapping[str, bool | None]) -> str | None:
    """Why a resume must not be sent after all; `shown` is what each other member says this moment."""
    for name, paused in shown.items():
        node = facts.node(name)
        if paused is False:
            return f"{name} reads unpaused just before the resume"
        proof = _proof(node, facts, policy) or lost(node, facts, policy)
        if paused is None and proof is None:
            return f"{not_gone_because(node, policy.gone_after)} (read just before the resume)"
    return None


def fence_of(node: NodeFact, facts: Facts, policy: Policy) -> str | None:
    """How a member is fenced in this epoch, in words; None when it is not."""
    if paused_by_us(node, facts):
        return f"{node.name} acknowledged pause and reads paused"
    return _proof(node, facts, policy) or lost(node, facts, policy)


def unready(name: str, facts: Facts, policy: Policy) -> tuple[Refusal, ...]:
    """Why a node may not be resumed now; empty means ready (DESIGN §5.4)."""
    node = facts.node(name)
    reasons: list[str] = []
    if node.reach is not Reach.ANSWERS:
        reasons.append(f"{name} does not answer ({node.reach})")
    else:
        reasons += _own_reasons(node, facts, policy)
    if name in facts.held:
        reasons.append(f"{name} is held: {facts.held[name]}")
    reasons += _chain_reasons(facts, policy)
    return tuple(Refusal("candidate", reason) for reason in reasons)


def _own_reasons(node: NodeFact, facts: Facts, policy: Policy) -> list[str]:
    reasons: list[str] = []
    if node.paused is None:
        reasons.append(f"{node.name}: its pause state is unknown")
    elif not node.paused:
        reasons.append(f"{node.name} is already active")
    if node.lib_moved_at is None or facts.now - node.lib_moved_at > LIB_STILL:
        reasons.append(f"{node.name}: its last irreversible block does not move")
    if not node.peers:
        known = "has no live peer" if node.peers == 0 else "its peers are unknown"
        reasons.append(f"{node.name} {known}")
    if facts.chain is not None:
        lag = lag_of(node, facts.chain, policy.producer)
        if lag is None or lag > FRESH_SLOTS:
            behind = "unknown" if lag is None else f"{lag} slots old"
            reasons.append(f"{node.name}: its head is {behind}")
        if node.agrees is not True:
            state = (
                "is on another fork than the witness" if node.agrees is False else "has no block to compare"
            )
            reasons.append(f"{node.name} {state}")
    return reasons


def _chain_reasons(facts: Facts, policy: Policy) -> list[str]:
    chain = facts.chain
    if chain is None or chain.witnesses == 0:
        return ["no witness answers: the chain cannot be seen"]
    reasons: list[str] = []
    if policy.producer not in chain.producers:
        reasons.append(f"{policy.producer} is not in the active schedule")
    elif policy.public_key is not None and policy.public_key not in chain.our_keys:
        reasons.append(f"the active schedule names another key for {policy.producer} than ours")
    if chain.changing is not None:
        reasons.append(f"a schedule change is under way: {chain.changing}")
    if stalled(chain, policy.producer):
        reasons.append("the whole chain, or our view of it, stands still")
    return reasons


def best_candidate(
    facts: Facts, policy: Policy, exclude: tuple[str, ...]
) -> tuple[str | None, tuple[Refusal, ...]]:
    """The first ready member in order of preference, and why the others are not."""
    refusals: list[Refusal] = []
    for name in policy.members:
        if name in exclude:
            continue
        reasons = unready(name, facts, policy)
        if not reasons:
            return name, tuple(refusals)
        refusals += reasons
    return None, tuple(dict.fromkeys(refusals)) or (Refusal("candidate", "no other member is left"),)
