"""Takes commands in, has them run, closes what was left open; a command runs at most once, for ever."""

import logging
import time
from collections.abc import Callable, Mapping
from functools import partial

from actuator.agent.admission import Rules, refusal
from actuator.agent.builtin import Outcome
from actuator.agent.journal import Entry, Journal, JournalError, Stage
from actuator.agent.metrics import Metrics
from actuator.agent.offer import End, Offer
from actuator.agent.results import Publish, Results, service
from actuator.agent.turns import Turns
from actuator.agent.workers import Workers
from actuator.remote.wire import (
    BUSY,
    EXPIRED,
    NO_COMMAND,
    NO_SERVICE,
    NOT_IMPLEMENTED,
    UNKNOWN,
    Command,
    Malformed,
    encode,
    parse,
)

log = logging.getLogger(__name__)

BOOKS_AFTER = 0.005
"""Seconds that metrics and log wait after a result: they must not compete with its sending, nor with the next
command, for the interpreter's one lock."""


class Dispatcher:
    """`arrived` is called by the MQTT thread and never waits for a command; a thread waits for each's end."""

    def __init__(
        self,
        rules: Rules,
        offers: Mapping[str, Offer],
        journal: Journal,
        publish: Publish,
        metrics: Metrics,
        *,
        parallel: int,
        queue: int,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """`queue`: the most commands that may wait."""
        self._rules = rules
        self._offers = offers
        self._journal = journal
        self._metrics = metrics
        self._clock = clock
        self._results = Results(journal, publish, metrics, clock)
        self._workers = Workers()
        self._turns = Turns(offers, parallel, queue, self._start)

    # --- commands come in ---------------------------------------------------------------------------

    def arrived(self, payload: bytes, *, retained: bool = False, again: bool = False) -> None:
        """A message of the command topic; it may be acknowledged when this returns.

        `again`: the broker says that it sent it before. Raises JournalError: then it must not be.
        """
        command = parse(payload)
        if isinstance(command, Malformed):
            self._metrics.refused.labels("malformed").inc()
            log.warning("message refused", extra={"fields": {"why": command.why, "bytes": len(payload)}})
            return
        entry = self._journal.find(command.key)
        if entry is not None:
            self._seen_before(command, entry, silent=retained or again)
            return
        if self._turns.has(command):
            self._results.duplicate(command)
            return
        no = refusal(command, self._rules, self._clock(), retained=retained) or self._unknown(command)
        if no is not None:
            self._journal.add(command.key, str(command.task_id), command.members, self._clock())
            self._metrics.refused.labels(f"0x{no[0]:04x}").inc()
            self._close(command, Outcome(*no))
        elif self._turns.take(service(command)):
            self._at_once(service(command), command)
        else:
            self._journal.add(command.key, str(command.task_id), command.members, self._clock())
            self._turns.enqueue(service(command), command)

    def _at_once(self, name: str, command: Command) -> None:
        """One entry in the journal instead of two: it is about to be performed."""
        try:
            self._journal.add(
                command.key, str(command.task_id), command.members, self._clock(), Stage.RUNNING
            )
        except JournalError:
            self._turns.give_back(name)
            raise
        self._turns.begins(command)
        self._start(name, command, self._begun(name, command))

    def _unknown(self, command: Command) -> tuple[int, str] | None:
        """In the words of the original."""
        offer = self._offers.get(service(command))
        if offer is None and command.config is not None:
            return NOT_IMPLEMENTED, "this agent has no configuration to replace: `replace` is not set"
        if offer is None:
            return NO_SERVICE, f"Cannot find the service settings for: {command.service}"
        if command.config is None and command.command not in offer.commands:
            return NO_COMMAND, f"Cannot find {command.command} command for {command.service}"
        full = self._turns.full()
        return None if full is None else (BUSY, full)

    def _seen_before(self, command: Command, entry: Entry, *, silent: bool) -> None:
        if entry.stage is Stage.DONE:
            if not silent or not entry.delivered:
                code = entry.code if entry.code is not None else UNKNOWN
                self._results.give(command, Outcome(code, entry.output))
        elif not silent:
            self._results.duplicate(command)

    def _close(self, command: Command, outcome: Outcome) -> None:
        """It ends here and now."""
        self._results.finish(command, outcome)
        name = service(command) if service(command) in self._offers else "unknown"
        self._results.book(name, command, outcome, None)

    # --- commands run -------------------------------------------------------------------------------

    def _begun(self, name: str, command: Command) -> End:
        """Begin what the journal has as running.

        A program takes a millisecond to load: its thread is woken meanwhile, not before. (Starting a process
        holds the interpreter's one lock, so no other thread would gain if this one did not do it.)
        """
        try:
            return self._offers[name].begin(command)
        except Exception as error:  # a service's own bug must not leave its command running
            log.exception("service %s failed", name)
            return partial(Outcome, UNKNOWN, f"{type(error).__name__} in service {name}")

    def _start(self, name: str, command: Command, end: End | None = None) -> None:
        self._workers.hand(partial(self._run, name, command, end))

    def _run(self, name: str, command: Command, end: End | None) -> None:
        """`end` is that of a command which was begun already."""
        outcome: Outcome | None = None
        began = time.monotonic()
        try:
            outcome = self._perform(name, command, end)
        except JournalError as error:
            log.error("a command is left open: %s", error)
        finally:
            self._turns.over(name, command, books=outcome is not None)
        took = time.monotonic() - began
        if outcome is not None:
            time.sleep(BOOKS_AFTER)
            ran = outcome.code != EXPIRED
            self._results.book(name, command, outcome, took if ran else None)
            self._turns.booked()

    def _perform(self, name: str, command: Command, end: End | None) -> Outcome:
        """Its outcome, which was given out. Raises JournalError."""
        if end is None and command.expires_at is not None and self._clock() > command.expires_at:
            end = partial(Outcome, EXPIRED, "it expired while it waited for others")
        elif end is None:
            self._journal.begin(command.key)
            end = self._begun(name, command)
        try:
            outcome = end()
        except Exception as error:  # a service's own bug must not leave its command running
            log.exception("service %s failed", name)
            outcome = Outcome(UNKNOWN, f"{type(error).__name__} in service {name}")
        self._results.finish(command, outcome)
        return outcome

    # --- the agent starts ---------------------------------------------------------------------------

    def resume(self) -> None:
        """Close what the last end of the agent left open; before the first command. Raises JournalError."""
        for entry in self._journal.open():
            command = parse(encode(entry.message))
            if isinstance(command, Malformed):
                continue
            if entry.stage is Stage.DONE:
                self._seen_before(command, entry, silent=False)
            elif entry.stage is Stage.RUNNING:
                self._close(command, self._interrupted(command))
            else:
                no = self._unknown(command)
                if no is None:
                    self._turns.enqueue(service(command), command)
                else:
                    self._close(command, Outcome(*no))

    def _interrupted(self, command: Command) -> Outcome:
        offer = self._offers.get(service(command))
        why = "the agent ended while the command ran; whether it ran to its end is not known"
        try:
            found = offer.recover(command) if offer is not None and offer.recover is not None else None
        except Exception as error:  # what a service trips over must not keep the agent from starting
            log.exception("service %s cannot tell what became of a command", service(command))
            found = Outcome(UNKNOWN, f"{why} ({type(error).__name__}: {error})")
        return found or Outcome(UNKNOWN, why)

    # --- and ends -----------------------------------------------------------------------------------

    def close(self, patience: float) -> None:
        """Start nothing more and wait for what runs; what takes longer is left running and noted as open."""
        self._turns.close(patience)

    def sizes(self) -> tuple[int, int]:
        """How many commands wait, and how many run."""
        return self._turns.sizes()
