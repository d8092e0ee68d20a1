"""What is remembered of accounts' spending across restarts of the exporter: one small JSON file a network."""

import json
import logging
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path

from exporter.evm.burn import History

log = logging.getLogger(__name__)


class BurnFile:
    """Keeps histories by key on disk; what cannot be kept is logged once and never in the way."""

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self._warned = False

    def load(self) -> dict[str, History]:
        """What was saved last; nothing when there is no usable file, which is logged."""
        if self._path is None:
            return {}
        try:
            raw = json.loads(self._path.read_text(encoding="utf-8"))
            return {key: _history(item) for key, item in raw.items()}
        except FileNotFoundError:
            return {}
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            log.warning("%s is not used, spending is measured anew: %s", self._path, error)
            return {}

    def save(self, histories: Mapping[str, History]) -> None:
        """Replace the file in one step."""
        if self._path is None:
            return
        new = self._path.with_name(self._path.name + ".new")
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            text = json.dumps({key: asdict(history) for key, history in histories.items()})
            new.write_text(text, encoding="utf-8")
            new.replace(self._path)
            self._warned = False
        except OSError as error:
            if not self._warned:
                log.warning("%s cannot be written, a restart measures anew: %s", self._path, error.strerror)
            self._warned = True


def _history(raw: Mapping[str, object]) -> History:
    pieces = raw["pieces"]
    if not isinstance(pieces, list):
        raise TypeError("pieces are no list")
    return History(**{**raw, "pieces": tuple((float(end), int(units)) for end, units in pieces)})  # type: ignore[arg-type]
