"""Where a ledger is kept: a SQLite file for one actuator, or a PostgreSQL database for several."""

import fcntl
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event, make_url
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import URL
from sqlalchemy.exc import ArgumentError
from sqlalchemy.schema import Table

POSTGRES_OPTIONS = (
    "-c statement_timeout=5000 -c lock_timeout=3000 -c idle_in_transaction_session_timeout=10000"
)
"""Milliseconds: a database that hangs must not hang the actuator with it."""


class LedgerError(Exception):
    """The ledger cannot be opened or written; nothing may be acted on."""


@dataclass(frozen=True, slots=True)
class Storage:
    """An opened storage. `shared`: several actuators may use it at once."""

    name: str
    engine: Engine
    shared: bool
    release: Callable[[], None]


def open_storage(url: str, password: str | None = None) -> Storage:
    """Open what a ledger URL names. Raises LedgerError with what to write, or who has it."""
    try:
        parsed = make_url(url)
    except ArgumentError:
        raise LedgerError(
            "ledger: write sqlite:///path/of/ledger.db or postgresql://user@host/database"
        ) from None
    if parsed.get_backend_name() == "sqlite" and parsed.database:
        path = Path(parsed.database)
        handle = _lock(path)
        return Storage(str(path), _sqlite(path), shared=False, release=lambda: os.close(handle))
    if parsed.get_backend_name() != "postgresql" or not parsed.database:
        raise LedgerError("ledger: only sqlite:///path/of/ledger.db and postgresql://user@host/database")
    if parsed.password is not None:
        raise LedgerError("ledger: put the password into a file, ledger_password_file, not into the URL")
    name = f"postgresql database {parsed.database} at {parsed.host or 'localhost'}"
    return Storage(name, _postgres(parsed, password), shared=True, release=lambda: None)


def insert(connection: Connection, table: Table) -> Any:
    """An INSERT that knows ON CONFLICT, in the dialect of a connection."""
    return (sqlite if connection.dialect.name == "sqlite" else postgresql).insert(table)


def _postgres(parsed: URL, password: str | None) -> Engine:
    url = parsed.set(drivername="postgresql+psycopg2", password=password)
    arguments = {"connect_timeout": 3, "options": POSTGRES_OPTIONS, "application_name": "chainwarden"}
    return create_engine(url, connect_args=arguments, pool_pre_ping=True, pool_size=8, hide_parameters=True)


def _lock(path: Path) -> int:
    """Hold the ledger for this process: the lock goes with the process, also after kill -9."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        handle = os.open(path.with_name(path.name + ".lock"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
    except OSError as error:
        raise LedgerError(f"{path}: cannot be opened as ledger: {error.strerror}") from None
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        holder = os.pread(handle, 32, 0).decode("ascii", "replace").strip() or "unknown"
        os.close(handle)
        raise LedgerError(
            f"{path}: another actuator (pid {holder}) uses this ledger; a SQLite ledger serves one actuator"
        ) from None
    os.ftruncate(handle, 0)
    os.pwrite(handle, str(os.getpid()).encode(), 0)
    return handle


def _sqlite(path: Path) -> Engine:
    engine = create_engine(f"sqlite:///{path}", connect_args={"timeout": 5.0, "check_same_thread": False})

    @event.listens_for(engine, "connect")
    def _connected(connection: Any, _record: object) -> None:
        connection.isolation_level = None  # SQLAlchemy says BEGIN itself, see below
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")  # NORMAL loses the last commits at power loss

    @event.listens_for(engine, "begin")
    def _begun(connection: Connection) -> None:
        connection.exec_driver_sql("BEGIN")

    return engine
