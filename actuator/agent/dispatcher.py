"""Takes commands in, runs them in order, gives their results out; a command runs at most once, for ever."""

import logging
import queue as queues
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping
from functools import partial
from typing import Protocol

from actuator.agent.admission import Rules, refusal
from actuator.agent.builtin import Outcome
from actuator.agent.journal import Entry, Journal, JournalError, Stage
from actuator.agent.metrics import Metrics
from actuator.agent.offer import End, Offer
from actuator.remote.wire import (
    BUSY,
    DUPLICATE,
    EXPIRED,
    NO_COMMAND,
    NO_SERVICE,
    NOT_IMPLEMENTED,
    UNKNOWN,
    Command,
    Malformed,
    encode,
    parse,
    result,
)

log = logging.getLogger(__name__)

Work = tuple[str, Command, End | None]
"""Service, command, and its end when it was begun already."""
BOOKS_AFTER = 0.005
"""Seconds that metrics and log wait after a result: they must not compete with its sending, nor with the next
command, for the interpreter's one lock."""
CONFIG = "config"
"""The service that a message with `config` is for."""


class Publish(Protocol):
    """Takes a command's key and its result, and sees to it that the broker gets it."""

    def __call__(self, key: str, payload: bytes, *, once: bool) -> None:
        """`once`: the sender does not know a result that it gets twice."""


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
        self._publish = publish
        self._metrics = metrics
        self._parallel = parallel
        self._most = queue
        self._clock = clock
        self._lock = threading.Condition()  # of an RLock: who holds it may start a command
        self._waiting: dict[str, deque[Command]] = {}
        self._running: dict[str, int] = {}
        self._active: set[str] = set()
        """task_ids that wait or run."""
        self._closed = False
        self._booking = 0
        """Threads whose command is done and not in metrics and log yet."""
        self._work: queues.SimpleQueue[Work] = queues.SimpleQueue()
        self._idle = 0
        """Threads that wait for work."""

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
        with self._lock:
            taken = str(command.task_id) in self._active
        if taken:
            self._answer_duplicate(command)
            return
        no = refusal(command, self._rules, self._clock(), retained=retained) or self._unknown(command)
        if no is not None:
            self._journal.add(command.key, str(command.task_id), command.members, self._clock())
            self._metrics.refused.labels(f"0x{no[0]:04x}").inc()
            self._close(command, Outcome(*no))
        elif self._takes_slot(_service(command)):
            self._at_once(command)
        else:
            self._journal.add(command.key, str(command.task_id), command.members, self._clock())
            self._enqueue(command)

    def _takes_slot(self, name: str) -> bool:
        """Whether a command of a service may begin now; then its place is taken."""
        with self._lock:
            free = self._running.get(name, 0) < self._offers[name].parallel and not self._waiting.get(name)
            if self._closed or not free or sum(self._running.values()) >= self._parallel:
                return False
            self._running[name] = self._running.get(name, 0) + 1
            return True

    def _at_once(self, command: Command) -> None:
        """One entry in the journal instead of two: it is about to be performed."""
        name, key = _service(command), command.key
        try:
            self._journal.add(key, str(command.task_id), command.members, self._clock(), Stage.RUNNING)
        except JournalError:
            with self._lock:
                self._running[name] -= 1
            raise
        with self._lock:
            self._active.add(str(command.task_id))
        self._start(name, command, self._begun(name, command))

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
        """Hand it to an idle thread, or to a new one: to wake one is quicker than to start one."""
        with self._lock:
            idle = self._idle > 0
            self._idle -= idle
        if idle:
            self._work.put((name, command, end))
        else:
            threading.Thread(target=self._worker, args=((name, command, end),), daemon=True).start()

    def _worker(self, work: Work) -> None:
        while True:
            self._run(*work)
            with self._lock:
                self._idle += 1
            work = self._work.get()

    def _unknown(self, command: Command) -> tuple[int, str] | None:
        """In the words of the original."""
        name = _service(command)
        offer = self._offers.get(name)
        if offer is None and command.config is not None:
            return NOT_IMPLEMENTED, "this agent has no configuration to replace: `replace` is not set"
        if offer is None:
            return NO_SERVICE, f"Cannot find the service settings for: {command.service}"
        if command.config is None and command.command not in offer.commands:
            return NO_COMMAND, f"Cannot find {command.command} command for {command.service}"
        with self._lock:
            if sum(map(len, self._waiting.values())) >= self._most:
                return BUSY, f"{self._most} commands wait already"
        return None

    def _seen_before(self, command: Command, entry: Entry, *, silent: bool) -> None:
        if entry.stage is Stage.DONE:
            if not silent or not entry.delivered:
                self._give(command, Outcome(entry.code if entry.code is not None else UNKNOWN, entry.output))
        elif not silent:
            self._answer_duplicate(command)

    def _answer_duplicate(self, command: Command) -> None:
        self._metrics.refused.labels(f"0x{DUPLICATE:04x}").inc()
        text = f"Received duplicate task_id: {command.task_id}"
        self._publish("", result(command.task_id, DUPLICATE, text, self._clock()), once=not command.ours)

    def _enqueue(self, command: Command) -> None:
        with self._lock:
            self._active.add(str(command.task_id))
            self._waiting.setdefault(_service(command), deque()).append(command)
            self._pump()

    # --- commands run -------------------------------------------------------------------------------

    def _pump(self) -> None:
        """Start what may start; the lock is held."""
        for name, waiting in self._waiting.items():
            most = self._offers[name].parallel
            while waiting and self._running.get(name, 0) < most and not self._closed:
                if sum(self._running.values()) >= self._parallel:
                    return
                command = waiting.popleft()
                self._running[name] = self._running.get(name, 0) + 1
                self._start(name, command)

    def _run(self, name: str, command: Command, end: End | None) -> None:
        outcome: Outcome | None = None
        began = time.monotonic()
        try:
            outcome = self._perform(name, command, end)
        except JournalError as error:
            log.error("a command is left open: %s", error)
        finally:
            with self._lock:
                self._running[name] -= 1
                self._active.discard(str(command.task_id))
                self._pump()
                self._booking += outcome is not None
                self._lock.notify_all()
        took = time.monotonic() - began
        if outcome is not None:
            time.sleep(BOOKS_AFTER)
            if outcome.code != EXPIRED:  # that one did not run
                self._metrics.seconds.labels(name).observe(took)
            self._book(command, outcome)
            with self._lock:
                self._booking -= 1
                self._lock.notify_all()

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
        self._finish(command, outcome)
        return outcome

    # --- results go out -----------------------------------------------------------------------------

    def _close(self, command: Command, outcome: Outcome) -> None:
        self._finish(command, outcome)
        self._book(command, outcome)

    def _finish(self, command: Command, outcome: Outcome) -> None:
        self._journal.finish(command.key, outcome.code, outcome.output, self._clock())
        self._give(command, outcome)

    def _book(self, command: Command, outcome: Outcome) -> None:
        name = _service(command) if _service(command) in self._offers else "unknown"
        self._metrics.commands.labels(name, "ok" if outcome.code == 0 else "failed").inc()
        log.info("command done", extra={"fields": {
            "task_id": command.task_id, "service": _service(command), "command": command.command,
            "code": outcome.code,
        }})  # fmt: skip

    def _give(self, command: Command, outcome: Outcome) -> None:
        text = result(command.task_id, outcome.code, outcome.output, self._clock(), command.reply_bytes)
        self._publish(command.key, text, once=not command.ours)

    # --- start and end ------------------------------------------------------------------------------

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
                    self._enqueue(command)
                else:
                    self._close(command, Outcome(*no))

    def _interrupted(self, command: Command) -> Outcome:
        offer = self._offers.get(_service(command))
        why = "the agent ended while the command ran; whether it ran to its end is not known"
        try:
            found = offer.recover(command) if offer is not None and offer.recover is not None else None
        except Exception as error:  # what a service trips over must not keep the agent from starting
            log.exception("service %s cannot tell what became of a command", _service(command))
            found = Outcome(UNKNOWN, f"{why} ({type(error).__name__}: {error})")
        return found or Outcome(UNKNOWN, why)

    def close(self, patience: float) -> None:
        """Start nothing more and wait for what runs; what takes longer is left running and noted as open."""
        with self._lock:
            self._closed = True
            self._lock.wait_for(lambda: not (any(self._running.values()) or self._booking), patience)

    def sizes(self) -> tuple[int, int]:
        """How many commands wait, and how many run."""
        with self._lock:
            return sum(map(len, self._waiting.values())), sum(self._running.values())


def _service(command: Command) -> str:
    return CONFIG if command.config is not None else command.service
