"""Where lines come from, and the file that keeps how far they were read with what was counted in them."""

import json
import logging
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any, Protocol

from exporter.configs.logs import Lines
from exporter.logs.container import ContainerLines, Moment
from exporter.logs.follow import FileLines
from exporter.logs.journal import Cursor, JournalLines
from exporter.logs.place import Place
from exporter.logs.wrapped import WrappedLines

log = logging.getLogger(__name__)


class LineSource(Protocol):
    """Lines of one log."""

    @property
    def place(self) -> Place | Cursor | Moment | None:
        """After all blocks that were handed out."""

    @property
    def touched(self) -> float | None:
        """When the log was last written, unix seconds, where that is known without reading it."""

    def blocks(self) -> Iterator[bytes]:
        """Whole lines that are there now, some at a time. Raises CollectorError."""

    def close(self) -> None:
        """Let go of files and programs."""


class Kept:
    """A place and what was counted up to it, in one small JSON file: both are of the same moment."""

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self._warned = False
        self._saved = ""

    def load(self) -> Mapping[str, Any]:
        """What was saved last; empty when there is nothing usable, which is logged."""
        if self._path is None:
            return {}
        try:
            found = json.loads(self._path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            return {}
        except (OSError, ValueError) as error:
            log.warning("%s is not used, the log is counted anew: %s", self._path, error)
            return {}
        return found if isinstance(found, dict) else {}

    def save(self, content: Mapping[str, Any]) -> None:
        """Replace the file in one step, when there is something new."""
        text = json.dumps(content)
        if self._path is None or text == self._saved:
            return
        new = self._path.with_name(self._path.name + ".new")
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            new.write_text(text, encoding="utf-8")
            new.replace(self._path)
        except OSError as error:
            if not self._warned:
                log.warning("%s cannot be written, a restart will count anew: %s", self._path, error.strerror)
            self._warned = True
        else:
            self._saved, self._warned = text, False


def place_as_json(source: LineSource) -> Any:
    """What `opened` takes as `place`."""
    return None if source.place is None else asdict(source.place)


def opened(lines: Lines, place: Any = None) -> LineSource:
    """The source of a configuration; a place of another kind of source is not used."""
    fields = dict(place) if isinstance(place, dict) else {}
    if lines.unit is not None:
        return JournalLines(lines.unit, _known(Cursor, fields))
    if lines.container is not None:
        return ContainerLines(lines.engine, lines.container, _known(Moment, fields))
    kind = FileLines if lines.wrapped is None else WrappedLines
    return kind(lines.file or Path(), _known(Place, fields))


def _known(kind: type[Any], fields: Mapping[str, Any]) -> Any:
    try:
        return kind(**fields)
    except TypeError:
        return None
