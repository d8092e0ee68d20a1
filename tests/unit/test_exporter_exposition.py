"""Our text is byte for byte prometheus_client's."""

from collections.abc import Sequence

import pytest
from prometheus_client import CollectorRegistry, ProcessCollector
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.core import Metric as Family
from prometheus_client.exposition import choose_encoder, generate_latest
from prometheus_client.openmetrics.exposition import generate_latest as generate_openmetrics
from prometheus_client.registry import Collector

from exporter.exposition import encoder, openmetrics, plain
from exporter.observation import Metric, Sample
from exporter.snapshot import process_samples

NOW = 1795204488.5
ODD = Metric("odd", 'a "help" with \\ and\nlines', ("zone", "a"))
SEEN = Metric("seen_total", "Counted.", ("n",), "counter")
AGE = Metric("last_age_seconds", "An age.", (), "age")
SAMPLES: Sequence[Sample] = (
    ODD.sample(1.5e21, 'x"y\\z\nw', "日本"),
    SEEN.sample(3, "1"),
    ODD.sample(float("nan"), "", "b"),
    AGE.sample(NOW - 12.25),
    ODD.sample(float("-inf"), "c", "d"),
    Metric("bare", "Without labels.").sample(NOW),
)
"""Everything that needs care: quotes, backslashes, line ends, special numbers, labels and families out of order."""


class Theirs(Collector):
    """The same by prometheus_client's own classes."""

    def collect(self) -> list[Family]:
        """Families by name."""
        odd = GaugeMetricFamily(ODD.name, ODD.help, labels=ODD.labels)
        for sample in SAMPLES:
            if sample.metric is ODD:
                odd.add_metric(sample.labels, sample.value)
        seen = CounterMetricFamily("seen", SEEN.help, labels=SEEN.labels)
        seen.add_metric(["1"], 3)
        return [
            GaugeMetricFamily("bare", "Without labels.", value=NOW),
            GaugeMetricFamily("last_age_seconds", "An age.", value=12.25),
            odd,
            seen,
        ]


@pytest.fixture
def registry() -> CollectorRegistry:
    made = CollectorRegistry()
    made.register(Theirs())
    return made


def test_text_is_that_of_prometheus_client(registry: CollectorRegistry) -> None:
    assert plain(SAMPLES, NOW).decode() == generate_latest(registry).decode()


def test_openmetrics_is_that_of_prometheus_client(registry: CollectorRegistry) -> None:
    assert openmetrics(SAMPLES, NOW).decode() == generate_openmetrics(registry).decode()


def test_the_metrics_of_the_process_are_written_too() -> None:
    process = ProcessCollector(registry=None)

    text = plain(process_samples(process), NOW)

    assert b"\nprocess_resident_memory_bytes " in text
    assert b"# TYPE process_cpu_seconds_total counter\nprocess_cpu_seconds_total " in text


@pytest.mark.parametrize(
    "accept",
    ["", "*/*", "text/plain;version=0.0.4", "application/openmetrics-text; version=1.0.0,text/plain;q=0.5"],
)
def test_the_form_is_chosen_as_prometheus_client_does(accept: str) -> None:
    ours, theirs = encoder(accept)[1], choose_encoder(accept)[1]

    assert ours.split(";")[:2] == theirs.split(";")[:2]
