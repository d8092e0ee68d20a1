"""Sends what waits in the ledger: one thread a sink, so that a silent channel delays no other."""

import logging
import threading
import time
from collections.abc import Callable, Mapping, Sequence

from sqlalchemy import Connection, select
from sqlalchemy.exc import IntegrityError

from actuator.configs.sinks import Sink as SinkConfig
from actuator.ledger import Ledger, LedgerError
from actuator.notify import outbox
from actuator.notify.budget import Rate, free_at, still_counting
from actuator.notify.choose import Pending, choose, wait_for
from actuator.notify.compose import Composer
from actuator.notify.settle import MAX_AGE, Fallback, Settled, Work, divert, give_up, settle
from actuator.notify.texts import Texts
from actuator.outcome import WORDS
from actuator.schema import step
from actuator.schema import thread as threads
from actuator.sinks.sending import Sending, Sink, UnreadableSecretError
from actuator.sinks.verdict import Outcome, Verdict
from actuator.step import Lane

log = logging.getLogger(__name__)

IDLE = 1.0
"""Seconds between looks when nobody wakes us."""
LOST = 20.0
"""Seconds after which a message under way is nobody's, where several actuators send; each has a time-out."""
UNREADABLE = 60.0
"""Seconds before a secret file is read again."""
ENOUGH = 20
"""Actions of an episode that a message names at most."""

Told = Callable[[str, Verdict], None]
"""(sink, verdict) of each attempt, for counting."""
Ended = Callable[[str, Settled], None]
"""(action, what became of its steps)."""


class Channel:
    """One sink's worker."""

    def __init__(
        self, name: str, config: SinkConfig, sink: Sink, *, ledger: Ledger, composer: Composer,
        fallback: Fallback | None, told: Told, ended: Ended, clock: Callable[[], float],
    ) -> None:  # fmt: skip
        self.name = name
        self._config = config
        self._sink = sink
        self._ledger = ledger
        self._composer = composer
        self._fallback = fallback
        self._told = told
        self._ended = ended
        self._clock = clock
        limit = config.rate
        self._rates = sink.rates if limit is None else (Rate(limit.messages, limit.per),)

    def turn(self) -> float:
        """Send one message, if one is due; seconds until the next look. Raises LedgerError."""
        now = self._clock()
        state = self._ledger.read(outbox.states).get(self.name, outbox.SinkState())
        rest = max(state.closed_until, free_at(state.recent, self._rates, now)) - now
        broken = bool(state.broken) and state.closed_until > now
        if rest > 0 and not (broken and self._fallback is not None):
            return min(rest, IDLE)
        waiting = self._ledger.read(lambda connection: outbox.pending(connection, self.name))
        if not waiting:
            return IDLE
        old = [item for item in waiting if now - item.planned_at > MAX_AGE]
        if old:
            log.error("%d notifications of sink %s are given up", len(old), self.name)
            self._close(self._ledger.write(lambda connection: give_up(connection, old, now)))
            return 0.0
        if rest > 0:
            self._divert(waiting, state.broken, now)
            return min(rest, IDLE)
        chosen = choose(waiting, state.recent, self._rates, now, grouping=self._config.group_wait > 0)
        if chosen is None:
            return min(wait_for(waiting, now, IDLE), IDLE)
        work = self._composer.work(chosen, now)
        try:
            taken = self._ledger.write(lambda connection: self._claim(connection, work, now))
        except IntegrityError:
            taken = False  # another actuator took a message of this sink in this moment
        if not taken:
            return 0.05
        self._deliver(work)
        return 0.0

    def _divert(self, waiting: Sequence[Pending], why: str, now: float) -> None:
        """Hand what waits for a broken channel to the fallback."""
        self._close(
            self._ledger.write(
                lambda connection: divert(connection, self.name, waiting, why, self._fallback, now)
            )
        )

    def _claim(self, connection: Connection, work: Work, now: float) -> bool:
        """Take the message's place in the budget, over all actuators; False when somebody was faster."""
        state = outbox.state_of(connection, self.name)
        if max(state.closed_until, free_at(state.recent, self._rates, now)) > now:
            return False
        if outbox.busy(connection, self.name) or not outbox.take(connection, work.lead, now):
            return False
        recent = (*still_counting(state.recent, self._rates, now), now)
        kept = outbox.SinkState(
            recent, state.failures, state.closed_until, state.broken, state.last_success
        )  # fmt: skip
        outbox.keep_state(connection, self.name, kept, work.ids)
        return True

    def _deliver(self, work: Work) -> None:
        began = self._clock()
        episode = work.lead.episode if len(work.items) == 1 else None
        sending = Sending(
            simple=work.simple,
            thread=None if episode is None else self._ledger.read(lambda c: _thread(c, self.name, episode)),
            resolved=work.lead.note.values.get("status") == "resolved",
        )
        try:
            verdict = self._sink.send(work.message, sending)
        except UnreadableSecretError as error:
            verdict = Verdict(Outcome.LATER, f"{self.name}: {error}", UNREADABLE)
        except Exception as error:  # a sink's own bug must not leave its step executing
            log.exception("sink %s failed", self.name)
            verdict = Verdict(Outcome.MAYBE, f"{type(error).__name__} in sink {self.name}")
        self._note(work, verdict)
        now = self._clock()

        def job(connection: Connection) -> list[Settled]:
            if verdict.thread is not None and episode is not None and sending.thread is None:
                channel, ts = verdict.thread
                connection.execute(
                    threads.insert().values(sink=self.name, episode=episode, channel=channel, ts=ts)
                )
            return settle(connection, work, verdict, now, now - began, self._fallback)

        self._close(self._ledger.write(job))

    def _note(self, work: Work, verdict: Verdict) -> None:
        self._told(self.name, verdict)
        fine = verdict.outcome in (Outcome.DELIVERED, Outcome.PARTIAL)
        log.log(
            logging.INFO if fine else logging.WARNING,
            "notification %s",
            verdict.outcome,
            extra={
                "fields": {
                    "sink": self.name,
                    "step": work.lead.key,
                    "steps": len(work.items),
                    "detail": verdict.detail,
                }
            },
        )

    def _close(self, settled: Sequence[Settled]) -> None:
        for one in settled:
            self._ended(self._config.type, one)


class Notifier:
    """All channels and their threads."""

    def __init__(
        self, ledger: Ledger, configs: Mapping[str, SinkConfig], sinks: Mapping[str, Sink], *, texts: Texts,
        language: str, told: Told, ended: Ended, clock: Callable[[], float] = time.time,
    ) -> None:  # fmt: skip
        self._ledger = ledger
        self._clock = clock
        self._stop = threading.Event()
        self._work = {name: threading.Event() for name in configs}
        self._threads: list[threading.Thread] = []
        self._swept_at = 0.0
        self.channels = {
            name: Channel(
                name, config, sinks[name], ledger=ledger,
                composer=Composer(name, config, sinks[name], texts, language, self._actions),
                fallback=_fallback(config, configs), told=told, ended=ended, clock=clock,
            )
            for name, config in configs.items()
        }  # fmt: skip

    def _actions(self, episode: int) -> Sequence[Mapping[str, str]]:
        return self._ledger.read(lambda connection: _actions(connection, episode))

    def recover(self) -> None:
        """Put back what a crash interrupted, before anything is sent. Raises LedgerError."""

        def job(connection: Connection) -> None:
            for name in self.channels:
                outbox.reopen(connection, name)

        self._ledger.write(job)
        self._put_back()

    def _put_back(self) -> None:
        """What is under way without anybody to finish it waits again, marked as maybe delivered."""
        words = "interrupted by a restart; sent again, marked"
        now = self._swept_at = self._clock()
        before = now - LOST if self._ledger.shared else None
        keys = self._ledger.write(lambda connection: outbox.recover(connection, words, now, before))
        for key in keys:
            log.warning("notification interrupted by a restart", extra={"fields": {"step": key}})

    def start(self) -> None:
        """Begin to send."""
        for name in self.channels:
            thread = threading.Thread(target=self._run, args=(name,), name=f"notify-{name}", daemon=True)
            thread.start()
            self._threads.append(thread)

    def stop(self) -> None:
        """Finish the messages that are under way, then end."""
        self._stop.set()
        self.wake()
        for thread in self._threads:
            thread.join(10)

    def wake(self) -> None:
        """Tell the threads that there may be messages."""
        for event in self._work.values():
            event.set()

    def _run(self, name: str) -> None:
        channel, event = self.channels[name], self._work[name]
        while not self._stop.is_set():
            event.clear()
            try:
                if self._ledger.shared and self._clock() - self._swept_at > LOST / 4:
                    self._put_back()  # of another actuator that died
                wait = channel.turn()
            except LedgerError as error:
                log.error("nothing is sent to %s: %s", name, error)
                wait = IDLE
            except Exception:  # the one broad except of this thread: a worker never ends
                log.exception("the thread of sink %s failed", name)
                wait = IDLE
            if wait > 0:
                event.wait(wait)


def _fallback(config: SinkConfig, configs: Mapping[str, SinkConfig]) -> Fallback | None:
    return None if config.fallback is None else Fallback(config.fallback, configs[config.fallback].type)


def _thread(connection: Connection, sink: str, episode: int) -> tuple[str, str] | None:
    row = connection.execute(
        select(threads.c.channel, threads.c.ts).where(threads.c.sink == sink, threads.c.episode == episode)
    ).first()
    return None if row is None else (row.channel, row.ts)


def _actions(connection: Connection, episode: int) -> Sequence[Mapping[str, str]]:
    """What was or will be done about an episode, oldest first."""
    query = (
        select(step.c.action, step.c.target, step.c.group, step.c.arguments, step.c.state, step.c.detail)
        .where(step.c.episode == episode, step.c.lane != Lane.NOTIFY)
        .order_by(step.c.id)
        .limit(ENOUGH)
    )
    return [
        {
            "state": row.state, "detail": row.detail,
            "action": row.action, "target": row.target,
            "group": row.group or row.target.partition(":")[2],
            **{word: str(row.arguments[word]) for word in WORDS if row.arguments.get(word)},
        }
        for row in connection.execute(query)
    ]  # fmt: skip
