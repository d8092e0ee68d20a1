"""Logging of both programs: one line an event, as logfmt or JSON, on standard error."""

import json
import logging
import sys
from datetime import UTC, datetime

from nodekit.redaction import redacted

LEVELS = ("debug", "info", "warning", "error")
FORMATS = ("logfmt", "json")


def set_up(level: str = "info", style: str = "logfmt") -> None:
    """Send all logging to standard error; `level` of LEVELS, `style` of FORMATS."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(LineFormatter(style))
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level.upper())
    # One line per queued task or kept connection is noise at 1 Hz.
    logging.getLogger("waitress.queue").setLevel(logging.ERROR)
    logging.getLogger("urllib3").setLevel(logging.WARNING)


class LineFormatter(logging.Formatter):
    """Renders a record with the fields given as `extra={"fields": {...}}`."""

    def __init__(self, style: str) -> None:
        super().__init__()
        self._json = style == "json"

    def format(self, record: logging.LogRecord) -> str:
        """One line; a traceback becomes the field `traceback`."""
        fields: dict[str, object] = {
            "ts": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "msg": record.getMessage(),
            **getattr(record, "fields", {}),
        }
        if record.exc_info:
            fields["traceback"] = self.formatException(record.exc_info)
        if self._json:
            return redacted(json.dumps(fields, ensure_ascii=False, default=str))
        return redacted(" ".join(f"{key}={_quoted(str(value))}" for key, value in fields.items()))


def _quoted(text: str) -> str:
    plain = text and all(char.isprintable() and char not in ' "=' for char in text)
    return text if plain else json.dumps(text, ensure_ascii=False)
