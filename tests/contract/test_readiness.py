"""The exporter's readiness of a standby and the actuator's candidate rules say no to the same faults.

The two programs share no code and look for themselves; they must not contradict each other.
"""

from dataclasses import replace
from typing import Any

import pytest

from actuator.facts import FRESH_SLOTS, STALL_SLOTS, Facts, Reach
from actuator.failover import readiness
from exporter.antelope import standby
from nodekit.slots import SLOT_SECONDS
from tests.unit.failover_world import POLICY, at, chain, facts, node
from tests.unit.test_antelope_watch import READY

NOW = at(20)


def actuator_says(fact: Facts) -> int:
    """How many reasons the actuator has against B."""
    policy = replace(POLICY, public_key="KEY")
    return len(readiness.unready("B", fact, policy))


def of_node(**changes: Any) -> Facts:
    return facts(NOW, node("B", NOW, **changes))


def of_chain(**changes: Any) -> Facts:
    return facts(NOW, view=chain(NOW, **changes))


FAULTS: dict[str, tuple[Facts, dict[str, Any]]] = {
    "it does not answer": (of_node(reach=Reach.TIMEOUT), {"answers": False}),
    "its pause state is unknown": (of_node(paused=None), {"paused": None}),
    "its irreversible block stands still": (of_node(lib_moved_at=NOW - 61), {"lib_age": 61.0}),
    "its irreversible block is unknown": (of_node(lib_moved_at=None), {"lib_age": None}),
    "it has no links": (of_node(peers=0), {"links": 0}),
    "its links are unknown": (of_node(peers=None), {"links": None}),
    "its head is late": (of_node(head_slot=chain(NOW).head_slot - 8), {"late": 4.0}),
    "its head is unknown": (of_node(head_slot=None), {"late": None}),
    "it is on a fork": (of_node(agrees=False), {"on_chain": False}),
    "its fork is unknown": (of_node(agrees=None), {"on_chain": None}),
    "nobody else shows the chain": (of_chain(witnesses=0), {"witnesses": 0}),
    "the schedule has another key": (of_chain(our_keys=("OTHER",)), {"key_right": False}),
    "a schedule changes": (of_chain(changing="leaves"), {"changing": True}),
    "we are not scheduled": (of_chain(producers=("aa", "bb", "cc", "dd")), {"scheduled": False}),
    "everybody's slots are empty": (
        of_chain(empty=tuple(range(-20, 21))),
        {"head_age": 20.4},
    ),
}


def test_a_ready_standby_is_ready_for_both() -> None:
    assert actuator_says(facts(NOW)) == 0
    assert standby.reasons(READY) == ()


@pytest.mark.parametrize(("fact", "change"), FAULTS.values(), ids=FAULTS)
def test_what_one_refuses_the_other_refuses(fact: Facts, change: dict[str, Any]) -> None:
    assert actuator_says(fact) >= 1
    assert len(standby.reasons(replace(READY, **change))) >= 1


def test_the_thresholds_are_the_same() -> None:
    assert standby.LIB_STILL == readiness.LIB_STILL
    assert standby.LATE == FRESH_SLOTS * SLOT_SECONDS
    assert standby.STALLED == STALL_SLOTS * SLOT_SECONDS
