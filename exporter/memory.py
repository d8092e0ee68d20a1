"""What accounting remembers across restarts of the exporter: one small JSON file a chain."""

import json
import logging
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from exporter.accounting import Mark, Tally
from exporter.books import Books

log = logging.getLogger(__name__)


class MemoryFile:
    """Keeps books on disk; never in the way of watching: what cannot be kept is logged once."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._warned = False

    def load(self) -> Books | None:
        """What was counted up to the last save; None when there is nothing usable, which is logged."""
        try:
            return _books(json.loads(self._path.read_text(encoding="utf-8")))
        except FileNotFoundError:
            return None
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            log.warning("%s is not used, counting begins anew: %s", self._path, error)
            return None

    def save(self, books: Books) -> None:
        """Replace the file in one step, so that a crash leaves the old or the new one."""
        new = self._path.with_name(self._path.name + ".new")
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            new.write_text(json.dumps(_content(books)), encoding="utf-8")
            new.replace(self._path)
        except OSError as error:
            if not self._warned:
                log.warning("%s cannot be written, a restart will count anew: %s", self._path, error.strerror)
            self._warned = True
        else:
            self._warned = False


def _content(books: Books) -> Mapping[str, Any]:
    """Books as JSON has them. The view is left out: the first look reads it again."""
    return {
        "chain_id": books.chain_id,
        "counted": books.counted,
        "settled": None if books.settled is None else asdict(books.settled),
        "tally": {"produced": dict(books.tally.produced), "missed": dict(books.tally.missed)},
        "schedules": {str(version): names for version, names in books.schedules.items()},
        "eras": books.eras,
    }


def _books(raw: Mapping[str, Any]) -> Books:
    settled = raw["settled"]
    return Books(
        chain_id=str(raw["chain_id"]),
        counted=raw["counted"],
        settled=None if settled is None else Mark(**settled),
        tally=Tally(dict(raw["tally"]["produced"]), dict(raw["tally"]["missed"])),
        schedules={int(version): tuple(names) for version, names in raw["schedules"].items()},
        eras=tuple((int(first), int(version)) for first, version in raw.get("eras", ())),
    )
