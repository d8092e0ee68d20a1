"""DESIGN §5.2 by its letter: what counts as fenced, written down a second time for the referee."""

from collections.abc import Iterator

from actuator.facts import Facts, NodeFact, Reach
from actuator.failover.state import Policy
from nodekit.slots import EPOCH


def unproven(target: str, facts: Facts, policy: Policy, born: float) -> Iterator[str]:
    """Why a resume of `target` must not be ordered on these facts; `born`: when this process began."""
    for node in facts.nodes:
        if node.name == target:
            continue
        proofs = (
            _acknowledged(node, facts, born), _gone(node, facts, policy), _queued(node, facts, policy),
            _vacant(node, facts, policy), _stopped(node, facts),
        )  # fmt: skip
        if not any(proofs):
            yield f"{node.name} ({node.reach}, paused {node.paused}) is not fenced"


def _acknowledged(node: NodeFact, facts: Facts, born: float) -> bool:
    """An explicit pause by this process, re-read as true afterwards, with no restart since."""
    for step in facts.steps:
        if step.node == node.name and step.name.startswith("pause.") and step.state == "ok":
            at = step.finished_at
            assert at is not None
            read = node.checked_at is not None and node.checked_at >= at and node.paused is True
            if read and at >= born and (node.broken_at is None or node.broken_at < at):
                return True
    return False


def _gone(node: NodeFact, facts: Facts, policy: Policy) -> bool:
    """Refused three times over two seconds, lately, by an address that answered in the minute before."""
    run = node.refusals
    if node.reach is not Reach.REFUSED or run is None or run.answered_before is None:
        return False
    proven = run.count >= 3 and run.last - run.since >= max(2.0, policy.gone_after)
    lately = facts.now - run.last <= 3.0 and run.since - run.answered_before <= 60.0
    return proven and lately and node.starts_paused


def _queued(node: NodeFact, facts: Facts, policy: Policy) -> bool:
    """A pause of this epoch waits at a silent node that starts paused, behind no proxy."""
    waits = any(
        step.node == node.name and step.name.startswith("pause.") and step.evidence == "queued"
        for step in facts.steps
    )
    return waits and node.reach is Reach.TIMEOUT and node.starts_paused and node.name not in policy.proxied


def _stopped(node: NodeFact, facts: Facts) -> bool:
    """Its agent said in this epoch that it is stopped with a fenced start, and it has not answered since."""
    said = [
        step.finished_at or 0.0
        for step in facts.steps
        if step.node == node.name and step.name.startswith("pause.") and step.evidence == "stopped"
    ]
    return bool(said) and node.reach is not Reach.ANSWERS and (node.answered_at or 0.0) < max(said)


def _vacant(node: NodeFact, facts: Facts, policy: Policy) -> bool:
    """Mode bounded: two witnesses agree that four of our slots in one window stayed empty since the silent
    node answered, after a block of the one before us, and none of our blocks came later."""
    chain = facts.chain
    if not policy.bounded or chain is None or chain.agreeing < 2 or node.answered_at is None:
        return False
    if node.reach in (Reach.ANSWERS, Reach.UNSEEN):
        return False
    known = int((chain.checked_at - 0.3 - EPOCH) * 2)
    ours = [slot for slot, block in chain.blocks.items() if block.producer == policy.producer]
    for first in range(known - known % 12 - 2 * 12 * len(chain.producers), known + 1, 12):
        slots = [slot for slot in range(first, first + 12) if slot <= known]
        mine = chain.producers[(first // 12) % len(chain.producers)] == policy.producer
        since = max([*ours, int((node.answered_at - EPOCH) * 2)])
        empty = [slot for slot in slots if slot not in chain.blocks and slot > since]
        led = any(first - back in chain.blocks for back in (1, 2, 3))
        if mine and led and len(empty) >= 4:
            return True
    return False
