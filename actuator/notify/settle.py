"""What the ledger keeps of an attempt: each verdict's consequence, in one transaction."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from sqlalchemy import Connection

from actuator import steps
from actuator.message import Message, as_arguments
from actuator.notify import outbox
from actuator.notify.choose import MAYBE, Pending
from actuator.sinks.verdict import Outcome, Verdict
from actuator.step import Lane, State, Step

BACKOFF = (1.0, 2.0, 5.0, 15.0, 60.0, 300.0)
"""Seconds of rest after so many failures in a row."""
BROKEN_REST = 3600.0
"""Seconds before a broken channel is tried again: as long as WeCom bans an address."""
TRIES = 3
"""How often a message is sent to a channel that refuses it without saying for good."""
MAX_AGE = 86400.0
"""Seconds after which a message that never got through is given up."""


@dataclass(frozen=True, slots=True)
class Work:
    """One message under way: what it carries, and which part of it this is."""

    sink: str
    items: tuple[Pending, ...]
    message: Message
    part: int = 1
    parts: int = 1
    simple: bool = False

    @property
    def lead(self) -> Pending:
        """The step that is `executing`."""
        return self.items[0]

    @property
    def ids(self) -> tuple[int, ...]:
        """All steps that it carries."""
        return tuple(item.id for item in self.items)


@dataclass(frozen=True, slots=True)
class Fallback:
    """The sink that takes over, and the action name of its type."""

    sink: str
    action: str


@dataclass(frozen=True, slots=True)
class Settled:
    """What became of the steps of one attempt."""

    state: State
    detail: str
    items: tuple[Pending, ...]


def settle(
    connection: Connection, work: Work, verdict: Verdict, now: float, took: float, fallback: Fallback | None
) -> list[Settled]:
    """Write an attempt down; the steps that ended by it."""
    outbox.log_delivery(
        connection, sink=work.sink, at=now, outcome=verdict.outcome, steps=work.items,
        title=work.message.title, detail=verdict.detail, took=took,
    )  # fmt: skip
    state = outbox.state_of(connection, work.sink)
    match verdict.outcome:
        case Outcome.DELIVERED | Outcome.PARTIAL:
            fine = replace(state, failures=0, closed_until=0.0, broken="", last_success=now)
            outbox.keep_state(connection, work.sink, fine)
            return _delivered(connection, work, verdict, now)
        case Outcome.LATER | Outcome.MAYBE:
            pause = max(verdict.wait, BACKOFF[min(state.failures, len(BACKOFF) - 1)])
            rest = replace(state, failures=state.failures + 1, closed_until=now + pause)
            outbox.keep_state(connection, work.sink, rest)
            _again(
                connection, work.items, verdict.detail, now, MAYBE if verdict.outcome is Outcome.MAYBE else ""
            )
            return []
        case Outcome.SIMPLER if not work.simple:
            outbox.keep_state(connection, work.sink, state)
            _again(connection, work.items, verdict.detail, now, "simple")
            return []
        case Outcome.BROKEN:
            rest = replace(
                state, failures=state.failures + 1, broken=verdict.detail, closed_until=now + BROKEN_REST
            )
            outbox.keep_state(connection, work.sink, rest)
            _again(connection, work.items, verdict.detail, now, "")
            return divert(connection, work.sink, work.items, verdict.detail, fallback, now)
    outbox.keep_state(connection, work.sink, state)
    diverted = divert(connection, work.sink, work.items, verdict.detail, fallback, now)
    if diverted:
        return diverted
    if verdict.wait and work.lead.attempts < TRIES - 1:
        for item in work.items:
            outbox.again(connection, [item.id], verdict.detail, now + verdict.wait, item.evidence)
        return []
    detail = f"will never be delivered: {verdict.detail}"
    outbox.close(connection, work.ids, State.FAILED, detail, now)
    return [Settled(State.FAILED, detail, work.items)]


def _delivered(connection: Connection, work: Work, verdict: Verdict, now: float) -> list[Settled]:
    if work.part < work.parts:
        detail = f"part {work.part} of {work.parts} {verdict.detail}"
        _again(connection, work.items, detail, now, f"part:{work.part}")
        return []
    detail = verdict.detail
    if len(work.items) > 1:
        detail += f", in one message with {len(work.items) - 1} more"
    outbox.close(connection, work.ids, State.OK, detail, now)
    return [Settled(State.OK, detail, work.items)]


def _again(connection: Connection, items: Sequence[Pending], detail: str, now: float, word: str) -> None:
    for item in items:
        evidence = outbox.with_word(item.evidence, word) if word else item.evidence
        outbox.again(connection, [item.id], detail, now, evidence)


def divert(
    connection: Connection,
    sink: str,
    items: Sequence[Pending],
    why: str,
    fallback: Fallback | None,
    now: float,
) -> list[Settled]:
    """Hand notes over to the fallback; what came from another sink already is not handed on."""
    if fallback is None:
        return []
    moved = [item for item in items if "instead" not in item.note.values]
    for item in moved:
        note = replace(item.note, values={**item.note.values, "instead": sink})
        steps.add(
            connection,
            Step(
                key=f"{item.key}>{fallback.sink}",
                action=fallback.action,
                target=outbox.target(fallback.sink),
                reason=f"{sink} is broken",
                lane=Lane.NOTIFY,
                arguments=as_arguments(fallback.sink, note),
                episode=item.episode,
            ),
            now,
        )
    if not moved:
        return []
    detail = f"sent through {fallback.sink} instead: {why}"
    outbox.close(connection, [item.id for item in moved], State.SKIPPED, detail, now)
    return [Settled(State.SKIPPED, detail, tuple(moved))]


def give_up(connection: Connection, items: Sequence[Pending], now: float) -> list[Settled]:
    """Close what is too old to be told."""
    detail = f"given up after {MAX_AGE / 3600:.0f} h"
    outbox.close(connection, [item.id for item in items], State.FAILED, detail, now)
    return [Settled(State.FAILED, detail, tuple(items))]
