"""Collector `nodelog`: what nodeos writes in its log, counted; each line once, over rotation and restarts.

antelope_log_events_total{node="tokyo",event="received"} 81234
antelope_log_events_total{node="tokyo",event="not_producing_paused"} 12
antelope_log_last_line_timestamp_seconds{node="tokyo"} 1795204618.902
"""

import time
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path

from exporter.collector import Source
from exporter.config import Config
from exporter.configs.logs import Lines
from exporter.logs.nodelog import EVENTS, count, last_time
from exporter.logs.source import Kept, LineSource, opened, place_as_json
from exporter.observation import Metric, Record, Sample

NAME = "nodelog"
AT_ONCE = 4.0
"""Seconds that one look may read; what is left comes with the next one."""

LAST_LINE = Metric(
    "antelope_log_last_line_timestamp_seconds", "The time of the newest line in a node's log.", ("node",)
)
SAID = Metric(
    "antelope_log_events_total",
    "What a node said in its log; not_producing_paused is a standby's normal word.",
    ("node", "event"),
    "counter",
)
METRICS: tuple[Metric, ...] = (LAST_LINE, SAID)


class NodeLogSource:
    """Reads one node's log."""

    probe = NAME

    def __init__(self, name: str, lines: Lines, interval: float, kept: Kept) -> None:
        self.target = name
        self.interval = interval
        self._lines = lines
        self._kept = kept
        self._source: LineSource | None = None
        self._counts: Counter[str] = Counter()
        self._last: float | None = None

    def observe(self, now: float) -> Iterable[Sample]:
        """Everything that is new, for AT_ONCE seconds at most; kept on disk before it is told."""
        source = self._source or self._begin()
        ends = time.monotonic() + AT_ONCE
        try:
            for block in source.blocks():
                count(block, self._counts)
                self._last = last_time(block) or now
                if time.monotonic() > ends:
                    break
        finally:
            self._kept.save({"place": place_as_json(source), "counts": self._counts, "last": self._last})
        last = self._last or source.touched
        return [
            *(SAID.sample(self._counts[event], self.target, event) for event in EVENTS),
            *(() if last is None else (LAST_LINE.sample(last, self.target),)),
        ]

    def close(self) -> None:
        """Let go of the log."""
        if self._source is not None:
            self._source.close()

    def _begin(self) -> LineSource:
        found = self._kept.load()
        counts = found.get("counts") or {}
        self._counts = Counter({event: int(counts[event]) for event in EVENTS if event in counts})
        self._last = found.get("last")
        self._source = opened(self._lines, found.get("place"))
        return self._source


def build(config: Config) -> Sequence[Source]:
    """One source for each node whose log is here."""
    return [
        NodeLogSource(name, node.log, chain.interval, Kept(_state(config.state_dir, name)))
        for chain in config.chains.values()
        for name, node in chain.nodes.items()
        if node.log is not None
    ]


def derive(_config: Config, _records: Sequence[Record], _now: float) -> Iterable[Sample]:
    """Nothing beyond what is observed."""
    return ()


def _state(folder: Path | None, name: str) -> Path | None:
    return None if folder is None else folder / f"nodelog-{name}.json"
