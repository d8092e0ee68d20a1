"""The ground truth on a real chain of two producers, whose round takes only 12 s."""

import time
from collections.abc import Iterator

import pytest

from lab.blocks import BlockCollector
from lab.chain import Chain


@pytest.fixture(scope="module")
def short_chain(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Chain]:
    with Chain(tmp_path_factory.mktemp("short"), producers=2, members=("A", "B"), paused=("B",)) as chain:
        chain.load(rate=6.0)
        yield chain


@pytest.fixture
def collector(short_chain: Chain) -> BlockCollector:
    return BlockCollector(short_chain)


def test_a_switch_between_windows_misses_and_doubles_nothing(
    short_chain: Chain, collector: BlockCollector
) -> None:
    first = collector.next_window()
    collector.settle(first.last_slot)
    short_chain["A"].pause()
    short_chain["B"].resume()
    second = collector.next_window()
    truth = collector.settle(second.last_slot)
    assert truth.strip(first.first_slot, second.last_slot) == "AAAAAAAAAAAA BBBBBBBBBBBB"
    assert truth.missed(first.first_slot, second.last_slot) == 0
    assert truth.doubled(first.first_slot, second.last_slot) == 0
    short_chain["B"].pause()
    short_chain["A"].resume()


def test_two_unpaused_members_double_every_slot(short_chain: Chain, collector: BlockCollector) -> None:
    short_chain["B"].resume()
    window = collector.next_window()
    truth = collector.settle(window.last_slot)
    short_chain["B"].pause()
    assert truth.doubled(window.first_slot, window.last_slot) == 12
    # With transactions in flight nearly all pairs differ; a slot without one is made alike by both.
    assert truth.doubled_unlike(window.first_slot, window.last_slot) >= 6
    assert truth.missed(window.first_slot, window.last_slot) == 0


def test_blocks_that_a_cut_member_made_are_orphans_and_missed_on_the_chain(
    short_chain: Chain, collector: BlockCollector
) -> None:
    a, b = short_chain["A"], short_chain["B"]
    window = collector.next_window()
    time.sleep(max(0.0, window.opens - 1.0 - time.time()))
    b.cut()
    a.pause()
    b.resume()
    truth = collector.settle(window.last_slot)
    b.pause()
    b.mend()
    a.resume()
    assert truth.strip(window.first_slot, window.last_slot) == "x" * 12
    assert truth.missed(window.first_slot, window.last_slot) == 12
    assert truth.doubled(window.first_slot, window.last_slot) == 0
