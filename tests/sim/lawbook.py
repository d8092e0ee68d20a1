"""DESIGN §5.2 by its letter: what counts as fenced, written down a second time for the referee."""

from collections.abc import Iterator

from actuator.facts import Facts, NodeFact, Reach
from actuator.failover.state import Policy


def unproven(target: str, facts: Facts, policy: Policy, born: float) -> Iterator[str]:
    """Why a resume of `target` must not be ordered on these facts; `born`: when this process began."""
    for node in facts.nodes:
        if node.name == target:
            continue
        proofs = (_acknowledged(node, facts, born), _gone(node, facts, policy), _queued(node, facts, policy))
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
