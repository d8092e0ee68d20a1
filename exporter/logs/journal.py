"""Lines of a systemd unit, from journalctl; the place is the journal's own cursor."""

import json
from collections.abc import Iterator
from dataclasses import dataclass

from exporter.collector import CollectorError
from exporter.logs.program import Program


@dataclass(frozen=True, slots=True)
class Cursor:
    """Behind the entry that journald calls so."""

    cursor: str


class JournalLines:
    """Follows a unit. Without a place it begins with what is written from now on."""

    def __init__(self, unit: str, place: Cursor | None = None) -> None:
        self._unit = unit
        self.place = place
        """After all blocks that were handed out; None before the first entry."""
        self.touched: float | None = None
        self._program: Program | None = None

    def blocks(self) -> Iterator[bytes]:
        """Whole lines that are there, some at a time. Raises CollectorError."""
        if self._program is None:
            self._program = Program(self._argv())
        while True:
            try:
                entries = self._program.lines()
            except CollectorError:
                self.close()
                raise
            if not entries:
                return
            block, cursor = _read(entries)
            if cursor is not None:
                self.place = Cursor(cursor)
            yield block

    def close(self) -> None:
        """End journalctl."""
        if self._program is not None:
            self._program.close()
        self._program = None

    def _argv(self) -> list[str]:
        since = ["--lines=0"] if self.place is None else ["--no-tail", f"--after-cursor={self.place.cursor}"]
        return [
            "journalctl", f"--unit={self._unit}", "--output=json", "--output-fields=MESSAGE", "--follow",
            "--no-pager", "--quiet", *since,
        ]  # fmt: skip


def _read(entries: list[bytes]) -> tuple[bytes, str | None]:
    """The messages of entries as lines, and the cursor of the last one."""
    lines, cursor = [], None
    for entry in entries:
        try:
            found = json.loads(entry)
            message, cursor = found.get("MESSAGE"), str(found["__CURSOR"])
        except (ValueError, KeyError, AttributeError):
            continue
        if isinstance(message, list):  # a message that is no text comes as numbers
            lines.append(bytes(message))
        elif message is not None:
            lines.append(str(message).encode())
    return b"".join(line.rstrip(b"\n") + b"\n" for line in lines), cursor
