"""One kept, read-only connection to a node's database. Importing this imports psycopg2.

The connection is asynchronous for one reason: a deadline of our own. `statement_timeout` is the server's
word, and a server that hangs keeps none.
"""

import contextlib
import select
import time
from collections.abc import Mapping
from typing import Any

import psycopg2
from psycopg2.extensions import POLL_OK, POLL_READ

from exporter.collector import CollectorError
from exporter.oracle.schema import DETECT, PARTS, NotGrantedError, Schema, UnknownSchemaError, schema_of
from exporter.oracle.trouble import Trouble
from nodekit.http import Reason
from nodekit.settings import SecretFile

SLACK = 0.5
"""Seconds that our deadline is behind the server's own, so that it can say why."""
_CODES = {
    "42501": Trouble.NO_GRANT, "55P03": Trouble.LOCKED, "57014": Reason.TIMEOUT, "42P01": Reason.SCHEMA,
    "42703": Reason.SCHEMA, "57P01": Reason.CLOSED, "57P02": Reason.CLOSED, "57P03": Reason.CLOSED,
    "53300": Trouble.TOO_MANY,
}  # fmt: skip
_WORDS = (
    ("Connection refused", Reason.REFUSED), ("No such file", Reason.REFUSED),
    ("timeout expired", Reason.TIMEOUT),
    ("does not exist", Trouble.NO_DATABASE), ("no pg_hba.conf entry", Reason.AUTH),
    ("authentication failed", Reason.AUTH), ("no password supplied", Reason.AUTH),
    ("pg_hba.conf rejects", Reason.AUTH), ("not permitted to log in", Reason.AUTH),
    ("permission denied", Trouble.NO_GRANT), ("starting up", Reason.CLOSED), ("shutting down", Reason.CLOSED),
    ("too many", Trouble.TOO_MANY), ("remaining connection slots", Trouble.TOO_MANY),
    ("closed the connection", Reason.CLOSED), ("terminating connection", Reason.CLOSED),
)  # fmt: skip
"""A refusal to connect has no code in libpq, only words."""


class Database:
    """Used by one thread; connects by itself, and anew after every failure but a timeout of the server's."""

    def __init__(self, dsn: SecretFile, timeout: float) -> None:
        self._dsn = dsn
        self._timeout = timeout
        self._connection: Any = None
        self._schema: Schema | None = None

    def ask(
        self, since: float, fresh: float, timeout: float | None = None
    ) -> tuple[Mapping[str, Any], Schema]:
        """The answer of one round trip, and what is in it; `timeout` for this one question.

        Runs are told that ended at `since` or later, failed ones by id from `fresh` on.
        Raises CollectorError.
        """
        try:
            schema = self._ready()
            if timeout is not None:
                self._run(f"SET statement_timeout = {int(timeout * 1000)}")
            ((raw,),) = self._run(schema.statement, {"since": since, "fresh": fresh}, timeout)
            if timeout is not None:
                self._run(f"SET statement_timeout = {int(self._timeout * 1000)}")
        except (psycopg2.Error, OSError) as error:
            self.close()
            raise failure(error) from None
        except CollectorError:
            self.close()
            raise
        return raw, schema

    def close(self) -> None:
        """Let go of the connection; the next question makes a new one."""
        if self._connection is not None:
            with contextlib.suppress(psycopg2.Error):
                self._connection.close()
        self._connection = self._schema = None

    def _ready(self) -> Schema:
        if self._connection is None:
            options = {
                "statement_timeout": f"{int(self._timeout * 1000)}",
                "lock_timeout": f"{int(self._timeout * 500)}",
                "idle_in_transaction_session_timeout": "10s",
                "default_transaction_read_only": "on",
                "max_parallel_workers_per_gather": "0",
                "jit": "off",
            }
            words = " ".join(f"-c {key}={value}" for key, value in options.items())
            self._connection = psycopg2.connect(
                self._dsn.reveal().strip(), async_=1, options=words, application_name="chainwarden",
                keepalives_idle=10, keepalives_interval=5, keepalives_count=3,
            )  # fmt: skip
            self._wait(self._timeout)
        if self._schema is None or len(self._schema.readable) < len(PARTS):  # a grant may have come since
            try:
                self._schema = schema_of(self._run(DETECT))
            except UnknownSchemaError as error:
                raise CollectorError(Reason.SCHEMA, str(error)) from None
            except NotGrantedError as error:
                raise CollectorError(Trouble.NO_GRANT, str(error)) from None
        return self._schema

    def _run(
        self, statement: str, values: Mapping[str, Any] | None = None, timeout: float | None = None
    ) -> Any:
        with self._connection.cursor() as cursor:
            cursor.execute(statement, values)
            self._wait(timeout or self._timeout)
            return cursor.fetchall() if cursor.description else []

    def _wait(self, timeout: float) -> None:
        deadline = time.monotonic() + timeout + SLACK
        while (state := self._connection.poll()) != POLL_OK:
            left = deadline - time.monotonic()
            if left <= 0:
                raise CollectorError(Reason.TIMEOUT, f"the database has not answered for {timeout:g} s")
            poller = select.poll()
            poller.register(
                self._connection.fileno(), select.POLLIN if state == POLL_READ else select.POLLOUT
            )
            poller.poll(left * 1000)


def failure(error: Exception) -> CollectorError:
    """Why it failed, in words that hold no secret."""
    if isinstance(error, OSError):
        return CollectorError(Reason.AUTH, f"its dsn_file: {error.strerror}")
    text = str(error).strip()
    line = text.splitlines()[0] if text else type(error).__name__
    reason = _CODES.get(getattr(error, "pgcode", None) or "")
    if reason is not None:
        return CollectorError(reason, line)
    if not isinstance(error, psycopg2.OperationalError | psycopg2.InterfaceError):
        # What libpq says of an address that it cannot read may quote a password.
        return CollectorError(Reason.CONNECT, "the address in its dsn_file is wrong")
    found = next((reason for word, reason in _WORDS if word in text), Reason.CONNECT)
    return CollectorError(found, line)
