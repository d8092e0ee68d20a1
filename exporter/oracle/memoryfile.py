"""What is remembered of jobs across restarts of the exporter: one small JSON file a node."""

import json
import logging
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from exporter.oracle.memory import JobMemory, Memory

log = logging.getLogger(__name__)

RARELY = 60.0
"""Seconds after which the file is written though only the time has passed."""


class MemoryFile:
    """Keeps a memory on disk; never in the way of watching: what cannot be kept is logged once."""

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self._warned = False
        self._saved = Memory()

    def load(self) -> Memory:
        """What was saved last; an empty memory when there is nothing usable, which is logged."""
        if self._path is None:
            return Memory()
        try:
            self._saved = _memory(json.loads(self._path.read_text(encoding="utf-8")))
        except FileNotFoundError:
            pass
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            log.warning("%s is not used, jobs are remembered anew: %s", self._path, error)
        return self._saved

    def save(self, memory: Memory) -> None:
        """Replace the file in one step, when there is something new."""
        if self._path is None or self._old_news(memory):
            return
        new = self._path.with_name(self._path.name + ".new")
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            new.write_text(json.dumps(asdict(memory)), encoding="utf-8")
            new.replace(self._path)
        except OSError as error:
            if not self._warned:
                log.warning("%s cannot be written, a restart forgets: %s", self._path, error.strerror)
            self._warned = True
        else:
            self._saved, self._warned = memory, False

    def _old_news(self, memory: Memory) -> bool:
        passed = (memory.cursor or 0.0) - (self._saved.cursor or 0.0)
        return passed < RARELY and replace(memory, cursor=self._saved.cursor) == self._saved


def _memory(raw: dict[str, Any]) -> Memory:
    cursor = raw["cursor"]
    return Memory(
        None if cursor is None else float(cursor),
        raw.get("ended", cursor),  # of an older version
        float(raw.get("fresh", 0.0)),
        {int(number): JobMemory(**job) for number, job in raw["jobs"].items()},
        {int(number): int(count) for number, count in raw["rows"].items()},
        tuple(int(number) for number in raw["failed"]),
    )
