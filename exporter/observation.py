"""PURE: what was measured, as frozen values."""

from dataclasses import dataclass
from typing import Literal, NamedTuple

Kind = Literal["gauge", "counter", "age"]
"""`age` samples carry a unix timestamp; the exposition shows seconds since then, at render time."""


@dataclass(frozen=True, slots=True)
class Metric:
    """A family: declared once, beside the code that fills it. Counter names end in `_total`."""

    name: str
    help: str
    labels: tuple[str, ...] = ()
    kind: Kind = "gauge"

    def sample(self, value: float, *labels: str) -> "Sample":
        """A value with its label values in the metric's order. Raises ValueError for a wrong count."""
        if len(labels) != len(self.labels):
            raise ValueError(f"{self.name} takes the labels {self.labels}, got {labels}")
        return Sample(self, float(value), labels)


class Sample(NamedTuple):
    """One series' value. A tuple: thousands are made every second, in a third of a dataclass's time."""

    metric: Metric
    value: float
    labels: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Observation:
    """All samples of one good look at one target; times are unix seconds, `took` seconds."""

    probe: str
    target: str
    taken_at: float
    took: float
    samples: tuple[Sample, ...]


@dataclass(frozen=True, slots=True)
class Record:
    """What the exporter remembers of a probe: its last good look, and how its last attempt went."""

    probe: str
    target: str
    interval: float
    good: Observation | None = None
    succeeded: bool | None = None
    """Outcome of the newest attempt; None before the first."""
    took: float = 0.0
    failures: tuple[tuple[str, int], ...] = ()
    """Reason → count since the exporter started."""

    def fresh(self, now: float) -> Observation | None:
        """The last good look unless it is older than three intervals: then its values are unknown."""
        if self.good is None or now - self.good.taken_at > 3 * self.interval:
            return None
        return self.good
