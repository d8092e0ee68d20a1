"""PURE: a group as it looks from outside, for status, explain, page and metrics."""

from dataclasses import dataclass

from actuator.facts import Facts
from actuator.failover.state import Decision, GroupState, Policy


@dataclass(frozen=True, slots=True)
class View:
    """What the group looks like from outside: for status, explain and metrics."""

    policy: Policy
    state: GroupState
    facts: Facts
    decision: Decision
