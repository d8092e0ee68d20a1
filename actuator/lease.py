"""Which of several actuators leads a group: a lease in the shared ledger, by the database's own clock.

Who cannot renew stops acting a margin before the lease ends for the others (DESIGN §5).
"""

import threading
import time
from collections.abc import Callable
from typing import Protocol

from sqlalchemy import Connection, func, or_, select

from actuator.ledger import Ledger
from actuator.schema import lease
from actuator.storage import LedgerError, insert

TTL = 5.0
"""Seconds that a lease lasts without being renewed."""
RENEW = 1.0
MARGIN = 1.5
"""Seconds before its end at which the holder stops acting: a call to a node takes one second at most."""


class Leadership(Protocol):
    """Says whether this actuator may decide and act for a group."""

    def leads(self, group: str) -> bool:
        """Whether it does now; renews when that is due."""

    def leader(self, group: str) -> str:
        """Who leads it instead, in words."""

    def confirm(self, connection: Connection, group: str) -> None:
        """Raise LedgerError, which undoes the transaction, unless the lease still stands in the ledger."""


class Alone:
    """The ledger is ours alone: we lead every group."""

    def leads(self, _group: str) -> bool:
        """Always."""
        return True

    def leader(self, _group: str) -> str:
        """Ourselves."""
        return "this actuator"

    def confirm(self, _connection: Connection, _group: str) -> None:
        """The file's lock stands for it."""


class Leases:
    """Leases of one actuator in a shared ledger. `where`: how operators reach it."""

    def __init__(
        self, ledger: Ledger, owner: str, where: str, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._ledger = ledger
        self._owner = owner
        self._where = where
        self._clock = clock
        self._lock = threading.Lock()
        self._until: dict[str, float] = {}
        self._tried: dict[str, float] = {}
        self._others: dict[str, str] = {}

    def leads(self, group: str) -> bool:
        """Whether the lease is ours, with the margin; a ledger that cannot be reached ends it in time."""
        with self._lock:
            asked = self._clock()
            if asked - self._tried.get(group, -RENEW) >= RENEW:
                self._tried[group] = asked
                self._renew(group, asked)
            return self._clock() < self._until.get(group, 0.0)

    def _renew(self, group: str, asked: float) -> None:
        try:
            other = self._ledger.write(lambda connection: take(connection, group, self._owner, self._where))
        except LedgerError:
            return
        if other is None:
            self._until[group] = asked + TTL - MARGIN
            self._others.pop(group, None)
        else:
            self._until.pop(group, None)
            self._others[group] = other

    def leader(self, group: str) -> str:
        """The other actuator's address, or that nobody is known to lead."""
        return self._others.get(group, "no actuator that this one can see")

    def confirm(self, connection: Connection, group: str) -> None:
        """Raise LedgerError unless the lease is ours in this very transaction; it stays so until its end."""
        mine = select(lease.c.group).where(
            lease.c.group == group, lease.c.owner == self._owner, lease.c.until > _clock(connection)
        )
        if connection.scalar(mine.with_for_update()) is None:
            raise LedgerError(f"the lease of group {group} went to another actuator; nothing is done")


def take(connection: Connection, group: str, owner: str, where: str) -> str | None:
    """Take or renew a lease; None when it is ours now, otherwise where its holder is."""
    now = _clock(connection)
    values = {"owner": owner, "where": where, "until": now + TTL}
    statement = insert(connection, lease).values(group=group, **values)
    free = or_(lease.c.owner == owner, lease.c.until < now)
    done = connection.execute(
        statement.on_conflict_do_update(index_elements=["group"], set_=values, where=free)
    )
    if done.rowcount == 1:
        return None
    found = connection.scalar(select(lease.c.where).where(lease.c.group == group))
    return str(found or "another actuator")


def _clock(connection: Connection) -> float:
    """The database's time, unix seconds: the clocks of actuators may differ."""
    if connection.dialect.name == "sqlite":
        return time.time()
    return float(connection.scalar(select(func.extract("epoch", func.clock_timestamp()))) or 0.0)
