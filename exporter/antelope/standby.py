"""PURE: why a standby could not take over now. The rules are those of the actuator (DESIGN §5.4), by which it
decides itself, from its own looks; `tests/contract/test_readiness.py` holds the two together."""

from collections.abc import Iterator
from dataclasses import dataclass

LIB_STILL = 60.0
"""Seconds without a new last irreversible block that count as still."""
LATE = 2.0
"""Seconds that a standby's head may lie behind the newest head."""
STALLED = 12.0
"""Age in seconds of the newest head (two whole turns) from which the whole chain stands still."""


@dataclass(frozen=True, slots=True)
class Standby:
    """What is known of a member that does not produce now, and of its chain. None is unknown."""

    answers: bool
    paused: bool | None
    lib_age: float | None
    links: int | None
    late: float | None
    """Seconds that its head lies behind the newest head of the chain."""
    on_chain: bool | None
    witnesses: int
    """Other nodes of the chain that answer and are no members of its group."""
    scheduled: bool | None
    key_right: bool | None
    """Whether the schedule names our key; True when no key is configured."""
    changing: bool
    head_age: float | None
    """Of the newest head of the chain."""


def reasons(node: Standby) -> tuple[str, ...]:
    """Words of a closed set, so that they can be a label; none means ready."""
    return (*_of_node(node), *_of_chain(node))


def _of_node(node: Standby) -> Iterator[str]:
    if not node.answers:
        yield "unreachable"
        return
    if node.paused is None:
        yield "pause_state_unknown"
    if node.lib_age is None or node.lib_age > LIB_STILL:
        yield "lib_still"
    if not node.links:
        yield "no_links" if node.links == 0 else "links_unknown"
    if node.late is None or node.late > LATE:
        yield "head_late"
    if node.on_chain is not True:
        yield "on_a_fork" if node.on_chain is False else "fork_unknown"


def _of_chain(node: Standby) -> Iterator[str]:
    if node.witnesses == 0:
        yield "no_witness"
        return
    if node.scheduled is not True:
        yield "not_scheduled"
    elif node.key_right is False:
        yield "wrong_key"
    if node.changing:
        yield "schedule_changes"
    if node.head_age is None or node.head_age >= STALLED:
        yield "chain_stalled"
