"""Threads of sources: none of them ends or holds up another, and all end when told to."""

import threading
from collections.abc import Callable, Iterable

from exporter.collector import CollectorError
from exporter.observation import Metric, Record, Sample
from exporter.scheduler import Scheduler
from exporter.snapshot import Store
from lab.server import poll

VALUE = Metric("antelope_value", "A value.", ("node",))


class Toy:
    """A source that does what the test says."""

    probe = "toy"

    def __init__(self, target: str, act: Callable[[], None], interval: float = 0.1) -> None:
        self.target = target
        self.interval = interval
        self.closed = False
        self._act = act

    def observe(self, now: float) -> Iterable[Sample]:
        self._act()
        yield VALUE.sample(now, self.target)

    def close(self) -> None:
        self.closed = True


def record(store: Store, target: str) -> Record:
    return next(record for record in store.records() if record.target == target)


def fail() -> None:
    raise CollectorError("timeout", "no answer")


def burst() -> None:
    raise RuntimeError("a mistake in a collector")


def looks(store: Store, target: str) -> int:
    return sum(count for _, count in record(store, target).failures)


def test_a_source_that_fails_and_one_with_a_mistake_go_on_and_end_no_other() -> None:
    store = Store()
    scheduler = Scheduler([Toy("bad", burst), Toy("down", fail), Toy("good", lambda: None)], store)
    scheduler.start()
    try:
        assert poll(lambda: looks(store, "bad") > 1 and looks(store, "down") > 1, 10)
        assert poll(lambda: record(store, "good").good is not None, 10)
    finally:
        scheduler.stop()

    assert {reason for reason, _ in record(store, "bad").failures} == {"internal"}
    assert {reason for reason, _ in record(store, "down").failures} == {"timeout"}
    assert record(store, "good").succeeded


def test_a_source_that_hangs_holds_up_no_other() -> None:
    store, released = Store(), threading.Event()
    scheduler = Scheduler([Toy("hung", lambda: assert_released(released)), Toy("good", lambda: None)], store)
    scheduler.start()
    try:
        assert poll(lambda: record(store, "good").succeeded is True, 10)
        first = record(store, "good").good
        assert poll(lambda: record(store, "good").good != first, 10)
        assert record(store, "hung").succeeded is None
    finally:
        released.set()
        scheduler.stop()


def assert_released(released: threading.Event) -> None:
    assert released.wait(30)


def test_stopping_does_not_wait_for_the_next_look_and_closes_all() -> None:
    source = Toy("slow", lambda: None, interval=3600.0)
    scheduler = Scheduler([source], Store())
    scheduler.start()
    scheduler.stop()

    assert source.closed
    assert not [thread for thread in threading.enumerate() if thread.name == "toy-slow"]
