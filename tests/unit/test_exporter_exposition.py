"""Our text is byte for byte prometheus_client's."""

import pytest
from prometheus_client import CollectorRegistry, ProcessCollector
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.core import Metric as Family
from prometheus_client.exposition import choose_encoder, generate_latest
from prometheus_client.openmetrics.exposition import generate_latest as generate_openmetrics
from prometheus_client.registry import Collector

from exporter.exposition import encoder, openmetrics, plain


class Odd(Collector):
    """Families with everything that needs care."""

    def collect(self) -> list[Family]:
        """Quotes, backslashes, line ends, special numbers, labels out of order, no labels."""
        gauge = GaugeMetricFamily("odd", 'a "help" with \\ and\nlines', labels=("zone", "a"))
        gauge.add_metric(['x"y\\z\nw', "日本"], 1.5e21)
        gauge.add_metric(["", "b"], float("nan"))
        gauge.add_metric(["c", "d"], float("-inf"))
        counter = CounterMetricFamily("seen", "Counted.", labels=("n",))
        counter.add_metric(["1"], 3)
        return [gauge, counter, GaugeMetricFamily("bare", "Without labels.", value=1795204488.5)]


@pytest.fixture
def registry() -> CollectorRegistry:
    made = CollectorRegistry()
    made.register(Odd())
    return made


def test_text_is_that_of_prometheus_client(registry: CollectorRegistry) -> None:
    assert plain(registry.collect()).decode() == generate_latest(registry).decode()


def test_openmetrics_is_that_of_prometheus_client(registry: CollectorRegistry) -> None:
    assert openmetrics(registry.collect()).decode() == generate_openmetrics(registry).decode()


def test_the_metrics_of_the_process_are_written_too() -> None:
    registry = CollectorRegistry()
    ProcessCollector(registry=registry)

    assert b"process_resident_memory_bytes " in plain(registry.collect())


@pytest.mark.parametrize(
    "accept",
    ["", "*/*", "text/plain;version=0.0.4", "application/openmetrics-text; version=1.0.0,text/plain;q=0.5"],
)
def test_the_form_is_chosen_as_prometheus_client_does(accept: str) -> None:
    ours, theirs = encoder(accept)[1], choose_encoder(accept)[1]

    assert ours.split(";")[:2] == theirs.split(";")[:2]
