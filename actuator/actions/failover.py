"""Action `failover`: an alert asks a group to look. The group's state machine alone decides and acts.

At most once. An alert that arrives during a takeover, or after it, attaches to that incident.
"""

import time
from collections.abc import Callable, Mapping

from actuator.failover.machine import Phase
from actuator.failover.watch import GroupWatch
from actuator.step import Claimed, Receipt, State, Step

NAME = "failover"
DELIVERY = "at_most_once"
LOOK_FOR = 6.0
"""Seconds that the question stays open: a holder that stops answering is proven gone in two to three."""
RECENT = 300.0
"""Seconds after an incident in which an alert still belongs to it."""


class Failover:
    """Answers what came of an alert's question."""

    def __init__(self, watches: Callable[[], Mapping[str, GroupWatch]], clock: Callable[[], float]) -> None:
        self._watches = watches
        self._clock = clock

    def verify(self, step: Step) -> str | None:
        """Why the question cannot be put."""
        if step.group not in self._watches():
            return f"no group {step.group} is configured"
        return None

    def perform(self, claimed: Claimed) -> Receipt:
        """Watch what the group decides for a moment, then say what that was."""
        watch = self._watches()[str(claimed.step.group)]
        before = self._clock()
        watch.alerted()
        while True:
            view = watch.view()
            if view is not None and view.facts.now >= before:
                state = view.state
                if state.plan is not None and state.phase is not Phase.WAITING:
                    plan = state.plan
                    return Receipt(
                        State.OK,
                        f"attached to {plan.kind} #{plan.first_epoch} ({plan.source} → {plan.target})",
                    )
                ended = watch.last_ended
                if ended is not None and before - ended[0] < RECENT:
                    return Receipt(
                        State.OK, f"attached to #{ended[1]}, which ended {before - ended[0]:.0f} s ago"
                    )
            if self._clock() - before > LOOK_FOR:
                why = "the group was not looked at in time" if view is None else view.decision.why
                return Receipt(State.SKIPPED, f"looked at the nodes, nothing to do: {why}")
            time.sleep(0.2)

    def recover(self, claimed: Claimed) -> Receipt:
        """The question was interrupted; the watch loop looks at the nodes anyway."""
        return Receipt(State.UNKNOWN, f"interrupted by a restart; see the incidents of {claimed.step.group}")
