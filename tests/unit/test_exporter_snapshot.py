"""What is rendered: fresh values, ages of this moment, and the probes' own health always."""

import pytest

from exporter.collectors.groups import derive
from exporter.collectors.nodeos import PAUSED, Heads
from exporter.config import Config
from exporter.exposition import plain
from exporter.observation import Metric, Observation, Record, Sample
from exporter.snapshot import Store, fresh_samples, probe_samples

VALUE = Metric("antelope_value", "A value.", ("node",))
AGE = Metric("antelope_age_seconds", "An age.", ("node",), "age")
COUNT = Metric("antelope_things_total", "A count.", ("node",), "counter")


def observed(at: float, *samples: Sample) -> Observation:
    return Observation("nodeos", "A", at, 0.1, samples)


def text(samples: list[Sample], now: float) -> list[str]:
    """Exposition lines without comments."""
    return [line for line in plain(samples, now).decode().splitlines() if not line.startswith("#")]


def test_a_sample_with_the_wrong_labels_fails_where_it_is_written() -> None:
    with pytest.raises(ValueError, match="takes the labels"):
        VALUE.sample(1)


def test_an_age_is_computed_when_it_is_rendered() -> None:
    samples = [AGE.sample(1000.0, "A"), COUNT.sample(3, "A")]

    assert text(samples, 1012.5) == [
        'antelope_age_seconds{node="A"} 12.5',
        'antelope_things_total{node="A"} 3.0',
    ]


def test_values_are_kept_through_two_failed_looks_and_dropped_after_three_intervals() -> None:
    store = Store()
    store.expect("nodeos", "A", 1.0)
    store.succeeded(observed(100.0, VALUE.sample(7, "A")))
    store.failed("nodeos", "A", "timeout", 1.0)

    assert [sample.value for sample in fresh_samples(store.records(), 102.9)] == [7.0]
    assert list(fresh_samples(store.records(), 103.1)) == []


def test_the_health_of_a_probe_is_there_when_its_values_are_not() -> None:
    store = Store()
    store.expect("nodeos", "A", 1.0)
    assert [sample.value for sample in probe_samples(store.records())] == [1.0]  # its interval
    store.succeeded(observed(100.0))
    first = store.failed("nodeos", "A", "refused", 0.5)
    second = store.failed("nodeos", "A", "refused", 0.5)

    found = {
        (sample.metric.name, sample.labels[2:]): sample.value for sample in probe_samples(store.records())
    }
    assert (first, second) == (True, False)
    assert found == {
        ("chainwarden_probe_success", ()): 0.0,
        ("chainwarden_probe_duration_seconds", ()): 0.5,
        ("chainwarden_probe_last_success_timestamp_seconds", ()): 100.0,
        ("chainwarden_probe_interval_seconds", ()): 1.0,
        ("chainwarden_probe_failures_total", ("refused",)): 2.0,
    }


HIDDEN = -1.0


def group(**paused: float | None) -> dict[tuple[str, ...], float]:
    """Group metrics of members: 0 active, 1 paused, None unreachable, HIDDEN answers without a pause state."""
    nodes = {name: {"url": "http://127.0.0.1:1", "role": "A", "group": "bp"} for name in paused}
    config = Config.model_validate({"chains": {"eos": {"producers": ["bp"], "nodes": nodes}}})
    records = [
        Record(
            "nodeos", name, 1.0, succeeded=state is not None,
            good=Observation("nodeos", name, 99.5, 0.1, () if state == HIDDEN else (PAUSED.sample(state or 0.0, name),)),
        )
        for name, state in paused.items()
    ]  # fmt: skip
    found = derive(config, records, 100.0)
    return {
        (sample.metric.name.removeprefix("antelope_group_"), *sample.labels[1:]): sample.value
        for sample in found
        if "info" not in sample.metric.name
    }


def test_one_active_member_holds_production() -> None:
    assert group(A=0.0, B=1.0, C=None) == {
        ("active_nodes",): 1,
        ("unreachable_nodes",): 1,
        ("holder", "A"): 1,
    }


def test_a_member_that_just_stopped_answering_is_not_active_though_it_was() -> None:
    assert group(A=None, B=1.0) == {("active_nodes",): 0, ("unreachable_nodes",): 1}


def test_two_active_members_have_no_holder() -> None:
    assert group(A=0.0, B=0.0) == {("active_nodes",): 2, ("unreachable_nodes",): 0}


def test_who_is_active_is_unknown_while_a_member_that_answers_hides_it() -> None:
    """Not 0: that would wake somebody and ask for a takeover."""
    assert group(A=HIDDEN, B=1.0) == {("unreachable_nodes",): 0}
    assert group(A=HIDDEN, B=0.0) == {("unreachable_nodes",): 0}
    assert group(A=HIDDEN, B=0.0, C=0.0) == {("active_nodes",): 2, ("unreachable_nodes",): 0}


def watched(heads: Heads, seconds: range, producers: int) -> int | None:
    """What is known after looks at these seconds at a chain whose producers take turns of 6 s."""
    return [heads.distinct(float(now), f"bp{now // 6 % producers}") for now in seconds][-1]


def test_producers_are_counted_once_a_whole_minute_was_watched() -> None:
    heads = Heads()

    assert watched(heads, range(60), 21) is None
    assert watched(heads, range(60, 62), 21) == 11


def test_after_a_node_was_away_its_producers_are_unknown_for_a_minute_not_few() -> None:
    heads = Heads()
    assert watched(heads, range(120), 21) == 11

    assert watched(heads, range(400, 459), 21) is None
    assert watched(heads, range(459, 462), 21) == 11


def test_one_lost_look_does_not_blind_the_minute() -> None:
    heads = Heads()
    watched(heads, range(120), 21)

    assert watched(heads, range(122, 123), 21) == 11
