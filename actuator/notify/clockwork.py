"""What chainwarden tells by itself, by the clock: start, reminders, dead-man, heartbeat, periodic status."""

import logging
import socket
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from importlib.metadata import version
from typing import Any

from prometheus_client.parser import text_string_to_metric_families
from sqlalchemy import Connection, select

from actuator import episodes, steps
from actuator.config import Config
from actuator.configs.notify import Heartbeat, Status
from actuator.failover.watch import GroupWatch
from actuator.ledger import Ledger, LedgerError
from actuator.message import LAST, Note, as_arguments, from_arguments
from actuator.metrics import Metrics
from actuator.notify import outbox
from actuator.notify.status import Sample, due_at, listed, needs_attention, nodes_of
from actuator.notify.texts import subject_of
from actuator.schema import episode, step
from actuator.sinks.sending import UnreadableSecretError, reveal
from actuator.sinks.verdict import sendable
from actuator.step import Lane, State, Step
from nodekit.http import HttpError, request, session

log = logging.getLogger(__name__)

TICK = 1.0
REMINDERS = 24
"""An alert that nobody ever resolves is told again so often at most."""
SHOWN = 30
"""Alerts that a status names."""
UNHEARD = 5 * 3600.0
"""Seconds without a word of Alertmanager after which an alert may be silenced, or over: it repeats what
fires every `repeat_interval`, which is 4 h where nobody wrote it."""
CATCH_UP = 900.0
"""Seconds for which a status is still told that was due while no actuator ran."""
SETTLE = 10.0
"""Seconds after the start in which not all groups were looked at yet."""


class Clockwork:
    """One thread. Everything it tells goes into the outbox; only the heartbeat is sent by itself."""

    def __init__(
        self, config: Config, ledger: Ledger, metrics: Metrics, *, wake: Callable[[], None],
        watches: Callable[[], Mapping[str, GroupWatch]], clock: Callable[[], float] = time.time,
    ) -> None:  # fmt: skip
        self._config = config
        self._ledger = ledger
        self._wake = wake
        self._metrics = metrics
        self._watches = watches
        self._clock = clock
        self._http = session()
        self._stop = threading.Event()
        self._began = clock()
        self._looked = self._began - CATCH_UP
        self._silent_since: float | None = None
        self._next_heartbeat = 0.0
        self._next_reminders = 0.0
        self._thread = threading.Thread(target=self._run, name="clockwork", daemon=True)

    def start(self) -> None:
        """Begin, with the start-up notice."""
        self._thread.start()

    def stop(self) -> None:
        """End."""
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join(10)

    def _run(self) -> None:
        started = False
        while not self._stop.is_set():
            try:
                if not started:
                    self._tell_started()
                    started = True
                self.tick()
            except LedgerError as error:
                log.error("nothing is told by the clock: %s", error)
            except Exception:  # the one broad except of this thread: the clock never stops
                log.exception("the clock failed")
            self._stop.wait(TICK)

    def tick(self) -> None:
        """Do what is due now. Raises LedgerError."""
        now = self._clock()
        self._deadman(now)
        heartbeat = self._config.notify.heartbeat
        if heartbeat is not None and now >= self._next_heartbeat:
            self._next_heartbeat = now + heartbeat.every
            self._beat(heartbeat, now)
        if now >= self._next_reminders:
            self._next_reminders = now + 10.0
            self._remind(now)
        if now < self._began + SETTLE:
            return
        for number, status in enumerate(self._config.notify.status):
            moment = due_at(status.at, status.timezone, self._looked, now)
            if moment is not None:
                text = f"{moment:%Y-%m-%d %H:%M}"
                self._tell(f"status/{number}/{text}", self._status(status, text), status.notify, now)
        self._looked = now

    def _tell(self, key: str, note: Note, sinks: Sequence[str], now: float) -> None:
        """One step a sink; a key that was used already tells nothing again."""
        planned = [
            Step(
                key=f"{key}/{sink}",
                action=self._config.sinks[sink].type,
                target=outbox.target(sink),
                reason=note.kind,
                lane=Lane.NOTIFY,
                arguments=as_arguments(sink, note),
            )
            for sink in sinks
        ]

        def job(connection: Connection) -> None:
            for one in planned:
                steps.add(connection, one, now)

        if planned:
            self._ledger.write(job)
            self._wake()

    def _tell_started(self) -> None:
        config = self._config
        note = Note(
            "started", LAST, "", "",
            {"version": version("chainwarden"), "host": socket.gethostname(), "groups": list(config.groups),
             "sinks": list(config.sinks), "rules": len(config.playbook)},
        )  # fmt: skip
        self._tell(f"started/{self._began:.3f}", note, config.notify.started, self._clock())

    def _deadman(self, now: float) -> None:
        deadman = self._config.notify.deadman
        if deadman is None:
            return
        seen = max(self._metrics.watchdog_at or 0.0, self._began)
        if self._silent_since is not None or now - seen > deadman.after:
            # One that another actuator got, or that came before a restart of ours.
            seen = max(seen, self._ledger.read(episodes.watchdog_heard) or 0.0)
        silent = now - seen
        if self._silent_since is None and silent > deadman.after:
            self._silent_since = seen
            note = Note("deadman", 0, "", "critical", {"back": False, "silent": silent})
            self._tell(f"deadman/{seen:.0f}", note, deadman.notify, now)
        elif self._silent_since is not None and silent <= deadman.after:
            note = Note("deadman", 1, "", "", {"back": True, "silent": seen - self._silent_since})
            self._tell(f"deadman-over/{self._silent_since:.0f}", note, deadman.notify, now)
            self._silent_since = None

    def _beat(self, heartbeat: Heartbeat, now: float) -> None:
        """Call the outside switch, unless no message could be sent anyway: then its silence is the alarm."""
        states = self._ledger.read(outbox.states)
        broken = [name for name in self._config.sinks if name in states and states[name].broken]
        if broken and len(broken) == len(self._config.sinks):
            log.error("no heartbeat: every sink is broken (%s)", ", ".join(broken))
            return
        try:
            url = reveal(heartbeat.url_file)
            if not sendable(url):
                log.error("no heartbeat: the URL is neither https nor on this machine")
                return
            request(self._http, "GET", url, timeout=heartbeat.timeout, shown="heartbeat")
            self._metrics.heartbeat.set(now)
        except UnreadableSecretError as error:
            log.error("no heartbeat: %s", error)
        except HttpError as error:
            log.warning("the heartbeat was not taken: %s (%s)", error.reason, error.status or "no answer")

    def _remind(self, now: float) -> None:
        """Tell again what goes on and is critical."""
        found: list[Step] = []
        for name, sink in self._config.sinks.items():
            if sink.remind is not None:
                every = sink.remind
                found += self._ledger.read(
                    lambda connection, name=name, every=every: _reminders(connection, name, every, now)  # type: ignore[misc]
                )
        if found:
            self._ledger.write(lambda connection: [steps.add(connection, one, now) for one in found])
            self._wake()

    def _status(self, status: Status, at: str) -> Note:
        samples, problem = self._samples(status)
        now = self._clock()
        alerts = self._ledger.read(lambda connection: _open_alerts(connection, now))
        views = [view for watch in self._watches().values() if (view := watch.view()) is not None]
        values = {
            "at": at, "problem": problem, "alerts": alerts, "nodes": nodes_of(samples),
            "groups": [
                {"name": view.policy.group, "holder": view.state.holder, "phase": str(view.state.phase)}
                for view in views
            ],
            **listed(samples),
        }  # fmt: skip
        attention = needs_attention(values)
        return Note("status", 1 if attention else LAST, "", "", {**values, "attention": attention})

    def _samples(self, status: Status) -> tuple[list[Sample], str]:
        """The exporter's samples, and what went wrong instead."""
        if status.exporter is None:
            return [], ""
        try:
            answer = request(self._http, "GET", f"{status.exporter}/metrics", timeout=10.0)
            families = text_string_to_metric_families(answer.body.decode())
            return [Sample(s.name, s.labels, s.value) for family in families for s in family.samples], ""
        except HttpError as error:
            return [], str(error)
        except ValueError:
            return [], f"{status.exporter} answered no metrics: is this the exporter?"


def _open_alerts(connection: Connection, now: float) -> list[dict[str, Any]]:
    """What fires, newest first; `quiet` are the seconds for which Alertmanager has not said so, if many."""
    query = (
        select(episode.c.labels, episode.c.min_starts_at, episode.c.heard_at)
        .where(episode.c.closed_at.is_(None))
        .order_by(episode.c.id.desc())
        .limit(SHOWN)
    )
    return [
        {
            "name": row.labels.get("alertname", "-"), "subject": subject_of(row.labels),
            "severity": row.labels.get("severity", ""), "starts_at": row.min_starts_at,
            "quiet": now - row.heard_at if now - row.heard_at > UNHEARD else None,
        }
        for row in connection.execute(query)
    ]  # fmt: skip


def _reminders(connection: Connection, sink: str, every: float, now: float) -> list[Step]:
    """Reminders that are due: the newest one of each open critical episode that was told to this sink."""
    query = (
        select(step, episode.c.heard_at)
        .join(episode, episode.c.id == step.c.episode)
        .where(
            episode.c.closed_at.is_(None), episode.c.heard_at > now - UNHEARD,
            step.c.lane == Lane.NOTIFY, step.c.state == State.OK,
            step.c.target == outbox.target(sink), step.c.finished_at < now - every,
        )
        .order_by(step.c.id)
    )  # fmt: skip
    found: dict[int, Step] = {}
    for row in connection.execute(query):
        note = from_arguments(row.arguments)
        count = min(REMINDERS, int((now - row.finished_at) / every))
        if row.episode in found or note.kind != "alert" or note.severity != "critical":
            continue
        if "reminder" in note.values:
            continue
        values = {**note.values, "reminder": count, "heard_at": row.heard_at}
        told = Note(note.kind, 0, note.group, note.severity, values)
        found[row.episode] = Step(
            key=f"episode/{row.episode}/reminder-{count}/{sink}",
            action=row.action,
            target=row.target,
            reason=f"reminder {count}",
            lane=Lane.NOTIFY,
            arguments=as_arguments(sink, told),
            episode=row.episode,
        )
    return list(found.values())
