"""Collector `logfile`: lines of any log that a black list matches and a white list does not.

logfile_matches_total{log="plugin",pattern="call failed"} 3
logfile_newest_match{log="plugin",number="1",line="2026-11-01T00:00:03.145Z [ERROR] call failed"} 1

A line counts for the first pattern of the list that matches it.
"""

import time
from collections import Counter, deque
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from exporter.collector import Source
from exporter.config import Config
from exporter.configs.logs import Log
from exporter.logs.extract import Extracts, Written
from exporter.logs.levels import LEVELS, patterns
from exporter.logs.match import Sieve
from exporter.logs.records import together
from exporter.logs.shown import shown
from exporter.logs.source import Kept, LineSource, opened, place_as_json
from exporter.observation import Metric, Record, Sample

NAME = "logfile"
AT_ONCE = 4.0
"""Seconds that one look may read; what is left comes with the next one."""
QUOTED = 5
"""Newest lines that are told, so that an alert can quote them."""
LOOKED_AT = 16384
"""Bytes of a line that are looked at for that."""
BUFFER = 1 << 20
"""Bytes of found lines that are written at once."""
NEWS = 300.0
"""Seconds for which they are."""

_LOG = ("log",)
MATCHES = Metric(
    "logfile_matches_total",
    "Lines that the pattern of the black list matches, and none of the white list.",
    ("log", "pattern"),
    "counter",
)
LINES = Metric("logfile_lines_total", "Lines that were read.", _LOG, "counter")
BYTES = Metric("logfile_bytes_total", "Bytes that were read.", _LOG, "counter")
MESSAGES = Metric(
    "logfile_messages_total", "Messages by level, from warn upwards.", ("log", "level"), "counter"
)
LAST_LINE = Metric("logfile_last_line_timestamp_seconds", "When the log was last seen to grow.", _LOG)
LAST_MATCH = Metric(
    "logfile_last_match_timestamp_seconds", "When a line was last found; absent before the first.", _LOG
)
NEWEST = Metric(
    "logfile_newest_match",
    "1; the newest lines that were found, cut and without credentials; number 1 is the newest.",
    ("log", "number", "line"),
)
INFO = Metric("logfile_info", "1; what is read.", ("log", "file"))
SILENT_AFTER = Metric(
    "logfile_silent_after_seconds", "How long the log may be silent; absent when it may for ever.", _LOG
)
METRICS: tuple[Metric, ...] = (
    MATCHES, LINES, BYTES, MESSAGES, LAST_LINE, LAST_MATCH, NEWEST, INFO, SILENT_AFTER,
)  # fmt: skip


class LogSource:
    """Reads one log."""

    probe = NAME

    def __init__(self, name: str, log: Log, kept: Kept) -> None:
        self.target = name
        self.interval = log.interval
        self._log = log
        self._kept = kept
        black, white = log.black.patterns, log.white.patterns if log.white else ()
        self._sieve = Sieve(black, white, patterns())
        self._source: LineSource | None = None
        self._matches: Counter[str] = Counter()
        self._levels: Counter[int] = Counter()
        self._totals: Counter[str] = Counter()
        self._newest: deque[tuple[float, str]] = deque(maxlen=QUOTED)
        self._raw: deque[bytes] = deque(maxlen=QUOTED)
        """Newest lines of this look: making them fit to be shown takes longer than finding them."""
        self._found = bytearray()
        """What is to be written before the place is noted."""
        self._times: dict[str, float] = {}
        self._unfinished = False
        self._extracts: Extracts | None = None

    def observe(self, now: float) -> Iterable[Sample]:
        """Everything that is new, for AT_ONCE seconds at most; kept on disk before it is told."""
        source = self._source or self._begin()
        ends = time.monotonic() + AT_ONCE
        try:
            for block in source.blocks():
                self._take(block, now)
                if time.monotonic() > ends:
                    break
        finally:
            self._newest.extend((now, shown(line)) for line in self._raw)
            self._raw.clear()
            self._write(now)
            self._kept.save(self._state(source))
        return self._samples(source.touched, now)

    def close(self) -> None:
        """Let go of the log."""
        if self._source is not None:
            self._source.close()

    def _take(self, block: bytes, now: float) -> None:
        # Counts newlines in a third of the time that `count` takes in Python 3.11.
        self._totals["lines"] += len(block) - len(block.replace(b"\n", b""))
        self._totals["bytes"] += len(block)
        self._times["line"] = now
        hits = self._sieve.hits(block, self._levels)
        for hit in hits:
            self._matches[self._log.black.patterns[hit.pattern].text] += 1
        for hit in hits[-QUOTED:]:
            self._raw.append(block[hit.start : min(hit.end, hit.start + LOOKED_AT)])
        if hits:
            self._times["match"] = now
        if self._extracts is not None and (hits or self._unfinished):
            spans = [(hit.start, hit.end) for hit in hits]
            parts = [block[start : end + 1] for start, end in spans]
            if self._log.whole:
                parts, self._unfinished = together(block, spans, unfinished=self._unfinished)
            self._found += b"".join(parts)
            if len(self._found) > BUFFER:
                self._write(now)

    def _write(self, now: float) -> None:
        if self._extracts is not None and self._found:
            self._extracts.add(bytes(self._found), now)
        self._found.clear()

    def _samples(self, touched: float | None, now: float) -> Iterable[Sample]:
        name = self.target
        yield INFO.sample(1, name, described(self._log))
        yield LINES.sample(self._totals["lines"], name)
        yield BYTES.sample(self._totals["bytes"], name)
        for text in dict.fromkeys(one.text for one in self._log.black.patterns):
            yield MATCHES.sample(self._matches[text], name, text)
        for number, level in enumerate(LEVELS):
            yield MESSAGES.sample(self._levels[number], name, level)
        last = self._times.get("line", touched)
        if last is not None:
            yield LAST_LINE.sample(last, name)
        if "match" in self._times:
            yield LAST_MATCH.sample(self._times["match"], name)
        if self._log.silent is not None:
            yield SILENT_AFTER.sample(self._log.silent, name)
        for number, (at, line) in enumerate(reversed(self._newest), 1):
            if now - at < NEWS:
                yield NEWEST.sample(1, name, str(number), line)

    def _begin(self) -> LineSource:
        found = self._kept.load()
        self._matches = Counter(found.get("matches") or {})
        self._levels = Counter({int(key): value for key, value in (found.get("levels") or {}).items()})
        self._totals = Counter(found.get("totals") or {})
        self._newest.extend((at, line) for at, line in found.get("newest") or ())
        self._times = dict(found.get("times") or {})
        self._unfinished = bool(found.get("unfinished"))
        self._extracts = _extracts(self._log, found.get("written"))
        self._source = opened(self._log, found.get("place"))
        return self._source

    def _state(self, source: LineSource) -> Mapping[str, Any]:
        written = None if self._extracts is None else self._extracts.written
        return {
            "place": place_as_json(source), "matches": self._matches, "levels": self._levels,
            "totals": self._totals, "newest": list(self._newest), "times": self._times,
            "unfinished": self._unfinished, "written": None if written is None else asdict(written),
        }  # fmt: skip


def described(log: Log) -> str:
    """What is read, in a word: a file's name, a unit, a container."""
    return log.file.name if log.file is not None else log.unit or log.container or ""


def _extracts(log: Log, written: Any) -> Extracts | None:
    if log.extracts is None:
        return None
    to = log.extracts
    return Extracts(
        to.folder, to.prefix, every=to.every, keep=to.keep, largest=to.largest,
        written=Written(**written) if written else None,
    )  # fmt: skip


def build(config: Config) -> Sequence[Source]:
    """One source a log."""
    return [LogSource(name, log, Kept(_state(config.state_dir, name))) for name, log in config.logs.items()]


def derive(_config: Config, _records: Sequence[Record], _now: float) -> Iterable[Sample]:
    """Nothing beyond what is observed."""
    return ()


def _state(folder: Path | None, name: str) -> Path | None:
    return None if folder is None else folder / f"logfile-{name}.json"
