"""Writes a group's decision down: state, incident, orders and messages in one transaction."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from sqlalchemy import Connection

from actuator import groups, steps
from actuator.facts import Facts
from actuator.failover.state import Decision, GroupState, Notice, Order, Outcome, Policy
from actuator.lease import Leadership
from actuator.ledger import Ledger
from actuator.step import Lane, Step, failover_key

SIGHTING_EVERY = 5.0
"""Seconds between notes of which nodes answer."""

Compose = Callable[[Notice, Policy, Facts], Sequence[Step]]
"""Puts a notice into words: one notification step a sink."""


class Record:
    """What the ledger has of one group's decisions. Used by the thread that decides."""

    def __init__(
        self,
        ledger: Ledger,
        leadership: Leadership,
        policy: Policy,
        urls: Mapping[str, str],
        compose: Compose,
        planned: Callable[[], None],
    ) -> None:
        """`planned` is called when there is something to perform; `urls`: of the members by their names."""
        self._ledger = ledger
        self._leadership = leadership
        self._policy = policy
        self._urls = urls
        self._compose = compose
        self._planned = planned
        self._told: set[str] = set()
        self._noted_at = 0.0
        self.last_ended: tuple[float, int] | None = None
        """When the newest incident of this process ended, and its number."""

    def forget(self) -> None:
        """Another actuator may have led in between: what was told is found in the ledger, not here."""
        self._told = set()

    def write(self, before: GroupState, decision: Decision, facts: Facts) -> None:
        """Everything that changed, before anything is done. Raises LedgerError: nothing is written then."""
        state = decision.state
        changed = _durable(state) != _durable(before)
        notices = [notice for notice in decision.notices if notice.key not in self._told]
        note = facts.now - self._noted_at >= SIGHTING_EVERY
        if not (changed or decision.orders or notices or note):
            return
        messages = [step for notice in notices for step in self._compose(notice, self._policy, facts)]

        def job(connection: Connection) -> None:
            self._leadership.confirm(connection, self._policy.group)
            if changed:
                self._write_state(connection, before, decision, facts.now)
            for order in decision.orders:
                steps.add(connection, self._step(order, state), facts.now)
            for message in messages:
                steps.add(connection, message, facts.now)
            if note:
                groups.saw(connection, self._policy.group, self._urls, facts.nodes)

        self._ledger.write(job)
        self._told.update(notice.key for notice in notices)
        if before.plan is not None and state.plan is None:
            self.last_ended = (facts.now, before.plan.first_epoch)
        self._noted_at = facts.now if note else self._noted_at
        if decision.orders or messages:
            self._planned()

    def _write_state(
        self, connection: Connection, before: GroupState, decision: Decision, now: float
    ) -> None:  # fmt: skip
        name, state = self._policy.group, decision.state
        groups.save(connection, name, state, now)
        if state.epoch != before.epoch:
            reason = f"superseded by epoch {state.epoch}: {decision.why}"
            steps.cancel(connection, name, state.epoch, reason, now)
        if state.plan is not None:
            groups.open_incident(connection, name, state.plan)
        ending = before.plan
        if ending is not None and (state.plan is None or state.plan.first_epoch != ending.first_epoch):
            groups.close_incident(connection, name, ending, decision.ended or Outcome("ended"), now)

    def _step(self, order: Order, state: GroupState) -> Step:
        group = self._policy.group
        return Step(
            key=failover_key(group, state.epoch, order.name, order.node),
            action=order.verb,
            target=f"node:{group}/{order.node}",
            reason=order.reason,
            lane=Lane.CONTROL,
            arguments={"node": order.node, "step": order.name, "timeout": order.timeout},
            not_after=order.not_after,
            group=group,
            epoch=state.epoch,
        )


def _durable(state: GroupState) -> GroupState:
    """The state without what changes at every look."""
    return replace(state, holder_active_at=None, observe_until=None)
