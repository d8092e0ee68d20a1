"""PURE: small moves that every phase shares: change phase, order a pause, begin a plan, tell operators."""

from dataclasses import replace
from typing import Any

from actuator.facts import Facts, NodeFact, Reach
from actuator.failover.machine import Event, move
from actuator.failover.state import (
    Automation,
    Decision,
    GroupState,
    Kind,
    Notice,
    NoticeKind,
    Order,
    Plan,
    Policy,
    Trouble,
    Verb,
)
from actuator.step import Refusal

PAUSE_BACKOFF = (0.5, 0.5, 1.0, 2.0, 5.0, 15.0, 60.0)
"""Seconds before a pause is sent again: a node that did not acknowledge is asked until it reads paused."""
ANSWER_TIMEOUT = 1.0
SILENT_TIMEOUT = 0.3
"""Seconds to wait for a node that did not answer just now: its kernel acknowledges in a round trip."""
DAY = 86400.0
GROUP = "*"
"""Stands for the whole group in a hold."""


def enter(state: GroupState, event: Event, now: float, **changes: Any) -> GroupState:
    """The state after an event that the table allows."""
    return replace(state, phase=move(state.phase, event).to, since=now, **changes)


def anew(facts: Facts) -> Facts:
    """The facts for a new epoch: what was done under the old one is no fence under it."""
    return replace(facts, steps=())


def pause_order(node: NodeFact, facts: Facts, reason: str) -> Order | None:
    """The next pause for a node; None while one is under way, too soon, or when it refuses connections."""
    if node.reach is Reach.REFUSED and not node.agent:
        return None  # nothing there to pause; `gone` decides
    sent = [step for step in facts.steps if step.node == node.name and step.name.startswith("pause.")]
    if sent:
        last = sent[-1]
        if last.finished_at is None:
            return None
        tries = 1 if node.reach is Reach.ANSWERS else len(sent)  # one that is back is asked at once
        if facts.now - last.finished_at < PAUSE_BACKOFF[min(tries, len(PAUSE_BACKOFF)) - 1]:
            return None
    timeout = SILENT_TIMEOUT if node.reach is Reach.TIMEOUT else ANSWER_TIMEOUT
    return Order(f"pause.{len(sent) + 1}", node.name, Verb.PAUSE, reason, timeout=timeout)


def begin(
    state: GroupState,
    event: Event,
    now: float,
    *,
    kind: Kind,
    cause: str,
    target: str,
    since: float,
    requested_by: str,
    request: str | None = None,
    deadline: float | None = None,
    unheard: bool = False,
    trouble: Trouble = Trouble.ASKED,
) -> GroupState:
    """Claim the next epoch for a new plan."""
    plan = Plan(
        kind=kind,
        cause=cause,
        source=state.holder,
        target=target,
        wanted=target,
        requested_by=requested_by,
        started_at=now,
        since=since,
        trouble=trouble,
        deadline=deadline,
        request=request,
        unheard=unheard,
        first_epoch=state.epoch + 1,
        source_since=state.resumed_at if state.resumed == state.holder else None,
    )
    return enter(state, event, now, epoch=state.epoch + 1, plan=plan)


def notice(
    kind: NoticeKind, state: GroupState, policy: Policy, *details: str, about: str = "", **more: Any
) -> Notice:
    """A message that is sent once per incident, kind and subject."""
    number = state.plan.first_epoch if state.plan is not None else state.epoch
    key = f"notice/{policy.group}/{number}/{kind}" + (f"/{about}" if about else "")
    return Notice(kind, key, number, state.plan, details, **more)


def barred(policy: Policy, facts: Facts) -> Refusal | None:
    """Why this group may not act by itself now; None when it may."""
    if GROUP in facts.held:
        return Refusal("hold", f"the group is held: {facts.held[GROUP]}")
    if policy.automation is Automation.OFF:
        return Refusal("automation", "automation is off")
    if policy.automation is Automation.SHADOW:
        return Refusal("shadow", "automation is in shadow: it says what it would do and does nothing")
    return None


def counted(state: GroupState, now: float) -> tuple[float, ...]:
    """The automatic takeovers, with the one that ends now."""
    automatic = state.plan is not None and state.plan.kind in (Kind.TAKEOVER, Kind.RESTORE)
    return (*state.takeovers, now)[-20:] if automatic else state.takeovers


def counted_if_acted(state: GroupState, now: float) -> tuple[float, ...]:
    """The automatic takeovers, with the one that is given up now if it may have moved production."""
    plan = state.plan
    acted = plan is not None and bool(
        plan.resumed_at is not None or plan.tried or state.epoch != plan.first_epoch
    )
    return counted(state, now) if acted else state.takeovers


def limit_reached(state: GroupState, policy: Policy, now: float) -> str | None:
    """Which limit of automatic takeovers is used up, in words."""
    recent = [moment for moment in state.takeovers if now - moment < DAY]
    if recent and now - recent[-1] < policy.cooldown:
        ago = now - recent[-1]
        return (
            f"the last automatic takeover ended {ago:.0f} s ago, within the cooldown of {policy.cooldown:g} s"
        )
    if len(recent) >= policy.per_day:
        return f"{len(recent)} automatic takeovers within a day, the limit is {policy.per_day}"
    return None


def latch(  # a latch always tells why
    state: GroupState,
    event: Event,
    facts: Facts,
    policy: Policy,
    why: str,
    *,
    by_operator: bool,
    **changes: Any,
) -> Decision:
    """Hand the group to a human, and say so."""
    after = enter(
        state, event, facts.now, latch=why, operator_latch=by_operator, plan=None, **changes
    )  # fmt: skip
    told = notice(NoticeKind.LATCHED, state, policy, why, about=f"{facts.now:.0f}")
    return Decision(after, notices=(told,), refusals=(Refusal("latched", why),), why=why)
