"""What accounting remembers across restarts of the exporter: one small JSON file a chain."""

import json
import logging
from dataclasses import asdict, dataclass
from pathlib import Path

from exporter.accounting import Mark, Tally

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Memory:
    """Everything up to `settled` is counted in `tally`; `schedules` are the ones met so far."""

    settled: Mark
    tally: Tally
    schedules: dict[int, tuple[str, ...]]


class MemoryFile:
    """Keeps a Memory on disk; never in the way of watching: what cannot be kept is logged once."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._warned = False

    def load(self) -> Memory | None:
        """What was saved last; None when there is nothing usable, which is logged."""
        try:
            raw = json.loads(self._path.read_text(encoding="utf-8"))
            return Memory(
                settled=Mark(**raw["settled"]),
                tally=Tally(raw["tally"]["produced"], raw["tally"]["missed"]),
                schedules={int(version): tuple(names) for version, names in raw["schedules"].items()},
            )
        except FileNotFoundError:
            return None
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            log.warning("%s is not used, counting begins anew: %s", self._path, error)
            return None

    def save(self, memory: Memory) -> None:
        """Replace the file in one step, so that a crash leaves the old or the new one."""
        content = {
            "settled": asdict(memory.settled),
            "tally": {"produced": dict(memory.tally.produced), "missed": dict(memory.tally.missed)},
            "schedules": {str(version): names for version, names in memory.schedules.items()},
        }
        new = self._path.with_name(self._path.name + ".new")
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            new.write_text(json.dumps(content), encoding="utf-8")
            new.replace(self._path)
        except OSError as error:
            if not self._warned:
                log.warning("%s cannot be written, a restart will count anew: %s", self._path, error.strerror)
            self._warned = True
        else:
            self._warned = False
