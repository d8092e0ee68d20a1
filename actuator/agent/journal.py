"""What was commanded and what became of it, on disk before anybody is told.

A command is `queued`, then `running`, then `done` with its result, which stays until the broker has it. One
that was `running` when the agent died is never run again.
"""

import json
import sqlite3
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

TABLE = """
CREATE TABLE IF NOT EXISTS command (
    key TEXT PRIMARY KEY, task_id TEXT NOT NULL, message TEXT NOT NULL, received_at REAL NOT NULL,
    state TEXT NOT NULL, code INTEGER, output TEXT, finished_at REAL, delivered_at REAL
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS command_open ON command (state) WHERE delivered_at IS NULL;
CREATE INDEX IF NOT EXISTS command_task ON command (task_id);
CREATE TABLE IF NOT EXISTS fact (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
"""


class JournalError(Exception):
    """The journal cannot be read or written; nothing may be done then."""


class Stage(StrEnum):
    """How far a command is."""

    QUEUED = "queued"
    RUNNING = "running"
    DONE = "done"


@dataclass(frozen=True, slots=True)
class Entry:
    """One command in the journal."""

    key: str
    task_id: str
    message: Mapping[str, Any]
    stage: Stage
    code: int | None
    output: str
    delivered: bool


class Journal:
    """One file; every method is one transaction, on disk when it returns. Raises JournalError."""

    def __init__(self, path: Path) -> None:
        self._lock = threading.RLock()
        self._forced = True
        """Whether the connection forces a commit to the disk now."""
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._db = sqlite3.connect(path, check_same_thread=False, isolation_level=None)
            path.chmod(0o600)
            self._db.execute("PRAGMA locking_mode = EXCLUSIVE")  # a second agent must not share it
            self._db.execute("PRAGMA journal_mode = WAL")
            self._db.execute("PRAGMA synchronous = FULL")
            self._db.executescript(TABLE)
        except (sqlite3.Error, OSError) as error:
            shared = getattr(error, "sqlite_errorcode", None) == sqlite3.SQLITE_BUSY
            why = "another agent runs with it" if shared else error
            raise JournalError(f"{path}: cannot be opened as journal: {why}") from None

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            self._db.close()

    def _do(self, statement: str, *values: object) -> list[tuple[Any, ...]]:
        with self._lock:
            try:
                return self._db.execute(statement, values).fetchall()
            except sqlite3.Error as error:
                raise JournalError(f"the journal cannot be used: {error}") from None

    def _write(self, statement: str, *values: object, lazily: bool = False) -> list[tuple[Any, ...]]:
        """`lazily`: the write outlives our own death, but perhaps not a loss of power."""
        with self._lock:
            if self._forced is lazily:
                self._do(f"PRAGMA synchronous = {'NORMAL' if lazily else 'FULL'}")
                self._forced = not lazily
            return self._do(statement, *values)

    def find(self, key: str) -> Entry | None:
        """A command that was seen before."""
        rows = self._do(_FIND, key)
        return _entry(rows[0]) if rows else None

    def newest(self, task_id: str) -> str | None:
        """The key of the newest command with this id."""
        rows = self._do(
            "SELECT key FROM command WHERE task_id = ? ORDER BY received_at DESC LIMIT 1", task_id
        )
        return str(rows[0][0]) if rows else None

    def add(
        self, key: str, task_id: str, message: Mapping[str, object], now: float, stage: Stage = Stage.QUEUED
    ) -> None:
        """A command that waits, or is about to be performed at once."""
        self._write(
            "INSERT INTO command (key, task_id, message, received_at, state) VALUES (?, ?, ?, ?, ?)",
            key, task_id, json.dumps(dict(message)), now, stage,
        )  # fmt: skip

    def begin(self, key: str) -> None:
        """It is about to be performed."""
        self._write("UPDATE command SET state = ? WHERE key = ?", Stage.RUNNING, key)

    def finish(self, key: str, code: int, output: str, now: float) -> None:
        """It ended. Not forced to the disk: if the power fails now, it counts as unknown, not as new."""
        self._write(
            "UPDATE command SET state = ?, code = ?, output = ?, finished_at = ? WHERE key = ?",
            Stage.DONE, code, output, now, key, lazily=True,
        )  # fmt: skip

    def delivered(self, key: str, now: float) -> None:
        """The broker has the result."""
        self._write("UPDATE command SET delivered_at = ? WHERE key = ?", now, key, lazily=True)

    def open(self) -> list[Entry]:
        """What a start finds: commands that wait, were running, or whose result is not delivered."""
        return [_entry(row) for row in self._do(_OPEN)]

    def forget(self, before: float) -> list[str]:
        """Drop what was delivered before a moment; the keys that were dropped."""
        rows = self._write("DELETE FROM command WHERE delivered_at < ? RETURNING key", before)
        return [str(row[0]) for row in rows]

    def fact(self, name: str) -> Any:
        """A small JSON value that outlives the process; None when it was never noted."""
        rows = self._do("SELECT value FROM fact WHERE name = ?", name)
        return json.loads(rows[0][0]) if rows else None

    def note(self, name: str, value: object, *, lazily: bool = False) -> None:
        """Remember a small JSON value; `lazily`: a loss of power may take it back."""
        self._write(
            "INSERT INTO fact VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET value = excluded.value",
            name, json.dumps(value), lazily=lazily,
        )  # fmt: skip


_ALL = (
    "SELECT key, task_id, message, state, code, coalesce(output, ''), delivered_at IS NOT NULL FROM command"
)
_FIND = _ALL + " WHERE key = ?"
_OPEN = _ALL + " WHERE delivered_at IS NULL ORDER BY received_at"


def _entry(row: tuple[Any, ...]) -> Entry:
    key, task_id, message, stage, code, output, delivered = row
    return Entry(key, task_id, json.loads(message), Stage(stage), code, output, bool(delivered))
