"""What all probes last saw, as samples; those of the probes and of this process themselves."""

import threading
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from prometheus_client import ProcessCollector

from exporter.observation import Metric, Observation, Record, Sample

_PROBE = ("probe", "target")
SUCCESS = Metric("chainwarden_probe_success", "1 when the newest look at the target succeeded.", _PROBE)
DURATION = Metric("chainwarden_probe_duration_seconds", "How long the newest look took.", _PROBE)
LAST_SUCCESS = Metric(
    "chainwarden_probe_last_success_timestamp_seconds", "When a look last succeeded, unix seconds.", _PROBE
)
INTERVAL = Metric("chainwarden_probe_interval_seconds", "How often the target is looked at.", _PROBE)
FAILURES = Metric(
    "chainwarden_probe_failures_total", "Looks that failed, by reason.", (*_PROBE, "reason"), "counter"
)
RELOAD_OK = Metric(
    "chainwarden_config_last_reload_successful", "1 when the configuration file was valid when last read."
)
RELOAD_TIME = Metric(
    "chainwarden_config_last_reload_success_timestamp_seconds",
    "When a valid configuration was last read, unix seconds.",
)
BUILD = Metric("chainwarden_build_info", "1; what runs here.", ("version", "pythonversion"))
OWN_METRICS: tuple[Metric, ...] = (
    SUCCESS,
    DURATION,
    LAST_SUCCESS,
    INTERVAL,
    FAILURES,
    RELOAD_OK,
    RELOAD_TIME,
    BUILD,
)


class Store:
    """The newest record of every probe. Readers get an unchanging copy, writers replace it."""

    def __init__(self) -> None:
        self._records: Mapping[tuple[str, str], Record] = {}
        self._lock = threading.Lock()

    def records(self) -> Sequence[Record]:
        """All records of this moment."""
        return tuple(self._records.values())

    def expect(self, probe: str, target: str, interval: float) -> None:
        """Make a probe known before its first look."""
        self._put(Record(probe, target, interval))

    def succeeded(self, observation: Observation) -> None:
        """Note a good look."""
        old = self._records[observation.probe, observation.target]
        self._put(replace(old, good=observation, succeeded=True, took=observation.took))

    def failed(self, probe: str, target: str, reason: str, took: float) -> bool:
        """Note a failed look; True when the one before had not failed."""
        old = self._records[probe, target]
        counts = dict(old.failures)
        counts[reason] = counts.get(reason, 0) + 1
        self._put(replace(old, succeeded=False, took=took, failures=tuple(sorted(counts.items()))))
        return old.succeeded is not False

    def _put(self, record: Record) -> None:
        with self._lock:
            self._records = {**self._records, (record.probe, record.target): record}


def probe_samples(records: Iterable[Record]) -> Iterable[Sample]:
    """The health of the probes themselves: always there, also when their values are not."""
    for record in records:
        names = (record.probe, record.target)
        yield INTERVAL.sample(record.interval, *names)
        if record.succeeded is not None:
            yield SUCCESS.sample(float(record.succeeded), *names)
            yield DURATION.sample(record.took, *names)
        if record.good is not None:
            yield LAST_SUCCESS.sample(record.good.taken_at, *names)
        for reason, count in record.failures:
            yield FAILURES.sample(count, *names, reason)


def fresh_samples(records: Iterable[Record], now: float) -> Iterable[Sample]:
    """Samples of looks that are not too old to be true."""
    for record in records:
        good = record.fresh(now)
        if good is not None:
            yield from good.samples


def process_samples(process: ProcessCollector) -> Iterable[Sample]:
    """What prometheus_client tells of this process: memory, CPU, descriptors."""
    for family in process.collect():
        counter = family.type == "counter"
        metric = Metric(
            f"{family.name}_total" if counter else family.name,
            family.documentation,
            kind="counter" if counter else "gauge",
        )
        for sample in family.samples:
            yield metric.sample(sample.value)
