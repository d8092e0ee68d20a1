"""Performs steps: claim → verify → perform → receipt. The one place where effects happen."""

import logging
import threading
import time
from collections.abc import Callable, Collection, Mapping
from typing import Protocol

from sqlalchemy import Connection
from sqlalchemy.exc import IntegrityError

from actuator import steps
from actuator.ledger import Ledger, LedgerError
from actuator.step import Claimed, Lane, Receipt, State, Step

log = logging.getLogger(__name__)

WORKERS = {Lane.CONTROL: 6, Lane.ASK: 2, Lane.REMOTE: 8}
"""Threads a lane: as many nodes as may hang at the same time without delaying others. The lane `notify`
is actuator/notify/notifier.py's."""
IDLE = 0.5
"""Seconds between looks for steps whose time has come, when nobody wakes us."""


class Performer(Protocol):
    """What the executor needs of an action."""

    def verify(self, step: Step) -> str | None:
        """Why the step must not be performed now; None when it may."""

    def perform(self, claimed: Claimed) -> Receipt:
        """Do it once."""

    def recover(self, claimed: Claimed) -> Receipt:
        """Say what became of a step that a crash interrupted."""


class Executor:
    """Worker threads over the ledger's planned steps."""

    def __init__(
        self,
        ledger: Ledger,
        actions: Mapping[str, Performer],
        finished: Callable[[Step, Receipt], None],
        clock: Callable[[], float] = time.time,
        *,
        led: Callable[[], Collection[str] | None] = lambda: None,
        confirm: Callable[[Connection, str], None] = lambda _connection, _group: None,
        tell: Callable[[Connection, str, Receipt, float], None] = lambda *_: None,
    ) -> None:
        """`led`: groups whose steps are ours to perform, None for all; `confirm`: see lease.Leadership;
        `tell`: plans what is said of a step's end, in the transaction that writes it down."""
        self._tell = tell
        self._led = led
        self._confirm = confirm
        self._ledger = ledger
        self._actions = actions
        self._finished = finished
        self._clock = clock
        self._stop = threading.Event()
        self._work = {lane: threading.Condition() for lane in WORKERS}
        self._pending = dict.fromkeys(WORKERS, 0)
        self._threads: list[threading.Thread] = []

    def recover(self, group: str | None = None) -> None:
        """Close what a crash left `executing`, of one group or of all, before anything else happens.

        Raises LedgerError.
        """
        for claimed in self._ledger.read(lambda connection: steps.executing(connection, group)):
            if claimed.step.lane not in WORKERS:
                continue
            receipt = self._actions[claimed.step.action].recover(claimed)
            log.warning("step interrupted by a restart", extra=_fields(claimed.step, receipt))
            self._close(claimed.step, receipt)

    def start(self) -> None:
        """Begin to perform steps."""
        for lane, count in WORKERS.items():
            for number in range(count):
                thread = threading.Thread(
                    target=self._run, args=(lane,), name=f"{lane}-{number}", daemon=True
                )
                thread.start()
                self._threads.append(thread)

    def stop(self) -> None:
        """Finish the steps that are being performed, then end."""
        self._stop.set()
        self.wake()
        for thread in self._threads:
            thread.join(10)

    def wake(self) -> None:
        """Tell the workers that there may be steps."""
        for lane, condition in self._work.items():
            with condition:
                self._pending[lane] += 1
                condition.notify_all()

    def _run(self, lane: Lane) -> None:
        condition = self._work[lane]
        while not self._stop.is_set():
            with condition:
                seen = self._pending[lane]
            try:
                claimed = self._claim(lane)
                if claimed is not None:
                    self._perform(claimed)
                    continue
            except LedgerError as error:
                log.error("no step is performed: %s", error)
                self._stop.wait(IDLE)
                continue
            except Exception:  # the one broad except of this thread: a worker never ends
                log.exception("a worker of lane %s failed", lane)
            with condition:
                if self._pending[lane] == seen and not self._stop.is_set():
                    condition.wait(IDLE)

    def _claim(self, lane: Lane) -> Claimed | None:
        groups = self._led()
        try:
            return self._ledger.write(lambda connection: steps.claim(connection, lane, self._clock(), groups))
        except IntegrityError:
            return None  # another actuator claimed a step on the same target in this moment

    def _perform(self, claimed: Claimed) -> None:
        step = claimed.step
        try:
            receipt = self._outcome(claimed)
        except LedgerError as error:
            receipt = Receipt(State.SKIPPED, f"not performed: {error}")
        except Exception as error:  # an action's own bug must not leave its step executing
            log.exception("action %s failed", step.action)
            receipt = Receipt(State.UNKNOWN, f"{type(error).__name__} in action {step.action}")
        log.info("step %s", receipt.state, extra=_fields(step, receipt))
        self._close(step, receipt)

    def _outcome(self, claimed: Claimed) -> Receipt:
        """Verify, look at the fence number once more, then do it."""
        step, action = claimed.step, self._actions[claimed.step.action]
        problem = action.verify(step) or self._ledger.read(lambda connection: self._fenced(connection, step))
        if problem is not None:
            return Receipt(State.SKIPPED, problem)
        return action.perform(claimed)

    def _fenced(self, connection: Connection, step: Step) -> str | None:
        if step.group is not None and step.epoch is not None:
            self._confirm(connection, step.group)
        return steps.fenced_off(connection, step.group, step.epoch)

    def _close(self, step: Step, receipt: Receipt) -> None:
        def job(connection: Connection) -> None:
            now = self._clock()
            if steps.finish(connection, step.key, receipt, now):
                self._tell(connection, step.key, receipt, now)

        while True:
            try:
                self._ledger.write(job)
                break
            except LedgerError as error:  # what was done must be written down, or its target stays taken
                log.error("the receipt of %s waits: %s", step.key, error)
                if self._stop.wait(IDLE):
                    return
        self._finished(step, receipt)
        if receipt.retry_in is None:
            self.wake()  # its target is free again


def _fields(step: Step, receipt: Receipt) -> dict[str, object]:
    return {"fields": {"step": step.key, "state": receipt.state, "detail": receipt.detail}}
