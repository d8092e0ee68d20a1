"""What every collector must keep, run over the list: add a collector there and it is tested here."""

from pathlib import Path
from types import ModuleType

import pytest

from exporter.collector import REASONS, CollectorError
from exporter.collectors import COLLECTORS
from exporter.config import Config
from exporter.snapshot import OWN_METRICS

CONFIG = Config.model_validate(
    {
        "chains": {
            "eos": {
                "producers": ["bp"],
                "nodes": {"A": {"url": "http://127.0.0.1:9", "role": "A", "group": "bp", "timeout": "200ms"}},
            }
        },
        "networks": {
            "xdc": {
                "chain_id": 50,
                "rpc": [{"url": "http://127.0.0.1:9", "ws": "ws://127.0.0.1:9"}],
                "accounts": [{"name": "node", "address": "xdc" + "1" * 40, "low": 10}],
            }
        },
    }
)
"""Port 9 (discard) has no listener on a test machine: every look is refused."""
LABELS_OF = {"services": {"service"}}
"""What a collector is about may be a label that others leave to Prometheus."""


@pytest.mark.parametrize("module", COLLECTORS, ids=lambda module: module.NAME)
def test_a_collector_is_named_after_its_file_and_shows_what_it_yields(module: ModuleType) -> None:
    assert module.__name__.rpartition(".")[2] == module.NAME
    assert module.__doc__ is not None
    assert any(metric.name in module.__doc__ for metric in module.METRICS), (
        "the docstring shows the exposition"
    )


@pytest.mark.parametrize("module", COLLECTORS, ids=lambda module: module.NAME)
def test_names_follow_the_conventions_of_prometheus(module: ModuleType) -> None:
    for metric in module.METRICS:
        assert metric.help.endswith((".", ")")), metric.name
        assert (metric.kind == "counter") == metric.name.endswith("_total"), metric.name
        reserved = {"job", "instance", "type", "service", "env"} - LABELS_OF.get(module.NAME, set())
        assert not set(metric.labels) & reserved, metric.name
        assert (metric.kind == "age") == metric.name.endswith("_age_seconds"), metric.name


def test_no_metric_is_declared_twice() -> None:
    names = [metric.name for module in COLLECTORS for metric in module.METRICS]
    names += [metric.name for metric in OWN_METRICS]

    assert len(names) == len(set(names))


@pytest.mark.parametrize("module", COLLECTORS, ids=lambda module: module.NAME)
def test_a_target_that_refuses_gives_a_reason_of_the_closed_set(module: ModuleType) -> None:
    for source in module.build(CONFIG):
        with pytest.raises(CollectorError) as caught:
            list(source.observe(1000.0))
        source.close()

        assert caught.value.reason == "refused"
        assert caught.value.reason in REASONS


@pytest.mark.parametrize("module", COLLECTORS, ids=lambda module: module.NAME)
def test_a_collector_derives_only_what_it_declares(module: ModuleType) -> None:
    assert {sample.metric for sample in module.derive(CONFIG, (), 1000.0)} <= set(module.METRICS)


def test_no_module_of_the_exporter_names_a_path_that_changes_a_node() -> None:
    root = Path(__file__).resolve().parents[2]
    found = [
        path.name
        for folder in ("exporter", "nodekit")
        for path in (root / folder).rglob("*.py")
        if '"/v1/producer/pause"' in path.read_text() or "producer/resume" in path.read_text()
    ]

    assert found == []
