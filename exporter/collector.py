"""What a collector must look like."""

from collections.abc import Iterable, Sequence
from typing import Protocol

from exporter.accounting import Trouble
from exporter.config import Config
from exporter.logs.trouble import Trouble as LogTrouble
from exporter.observation import Metric, Record, Sample
from exporter.oracle.trouble import Trouble as DatabaseTrouble
from nodekit.http import Reason

REASONS: tuple[str, ...] = tuple(
    dict.fromkeys((*Reason, *Trouble, *DatabaseTrouble, *LogTrouble, "internal"))
)
"""The closed set of values of the label `reason`."""


class CollectorError(Exception):
    """A look that failed; `reason` is one of REASONS, the text says more and holds no secret."""

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.reason = reason


class Source(Protocol):
    """One target that is looked at on its own timer, on a thread of its own."""

    probe: str
    target: str
    interval: float

    def observe(self, now: float) -> Iterable[Sample]:
        """Look once. May block up to its own timeouts; raises CollectorError; never retries."""

    def close(self) -> None:
        """Let go of connections."""


class CollectorModule(Protocol):
    """A module in `exporter/collectors`, listed in COLLECTORS."""

    NAME: str
    METRICS: tuple[Metric, ...]

    def build(self, config: Config) -> Sequence[Source]:
        """The sources that a configuration asks for; imports what is heavy."""

    def derive(self, config: Config, records: Sequence[Record], now: float) -> Iterable[Sample]:
        """Samples that follow from several probes; no I/O. Most modules yield nothing."""
