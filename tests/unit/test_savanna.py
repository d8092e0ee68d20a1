"""Accounting where headers do not tell the schedule: chains of Savanna, with schedules that change."""

import random
from collections import Counter
from pathlib import Path

import pytest

from exporter.accounting import Mark
from exporter.antelope.eras import SAVANNA, UNKNOWN, Change, first_slot, version_of, with_era
from exporter.books import SETTLED
from exporter.collectors.production import VERIFY_EVERY, ProductionSource
from exporter.memory import MemoryFile
from nodekit.answers import Block
from nodekit.slots import SLOTS_PER_WINDOW, owner, slot_of, slot_time
from tests.unit.test_exporter_production import PRODUCERS, Recorder, reason, seen, serving, source

FIRST, SECOND, THIRD = PRODUCERS, ("aa", "bb", "cc", "ee"), ("ff", "bb", "cc", "ee")


class Savanna(Recorder):
    """A node whose schedules change at the beginnings of windows and whose headers do not tell."""

    def __init__(self, blocks: int = 100) -> None:
        super().__init__(blocks=blocks)
        self.eras: list[tuple[int, tuple[str, ...]]] = [(0, FIRST)]
        self.version = SAVANNA
        self.blocks = [Mark(one.num, one.slot, one.id, SAVANNA) for one in self.blocks]

    def schedule(self, slot: int) -> tuple[int, tuple[str, ...]]:
        """Version and producers at a slot."""
        number = max(index for index, (first, _) in enumerate(self.eras) if first <= slot)
        return number + 1, self.eras[number][1]

    def change(self, producers: tuple[str, ...]) -> None:
        """Another schedule from the next window on, of which the present and the first one are not empty."""
        slot = self.blocks[-1].slot
        self.make(*[True] * (SLOTS_PER_WINDOW - 1 - slot % SLOTS_PER_WINDOW))
        self.eras.append((self.blocks[-1].slot + 1, producers))
        self.make(True)

    def answer(self, path: str, body: bytes) -> tuple[int, object]:
        status, found = super().answer(path, body)
        if not isinstance(found, dict):
            return status, found
        if "head_block_producer" in found:
            slot = self.blocks[-1].slot
            found["head_block_producer"] = owner(slot, self.schedule(slot)[1])
        if "schedule_version" in found:
            slot = self.blocks[found["block_num"] - 1].slot
            found["producer"] = owner(slot, self.schedule(slot)[1])
        if "active" in found:
            version, producers = self.schedule(self.blocks[-1].slot)
            rows = [{"producer_name": name, "block_signing_key": "EOS"} for name in producers]
            found = {"active": {"version": version, "producers": rows}}
        return status, found

    def walk(self, after: int, upto: int) -> tuple[Counter[str], Counter[str]]:
        """Produced and missed slot by slot."""
        taken = {block.slot for block in self.blocks}
        produced: Counter[str] = Counter()
        missed: Counter[str] = Counter()
        for slot in range(after + 1, upto + 1):
            (produced if slot in taken else missed)[owner(slot, self.schedule(slot)[1])] += 1
        return produced, missed


def changed(rolled: random.Random, producers: tuple[str, ...]) -> tuple[str, ...]:
    """Somebody replaced, voted out, added, or all in another order."""
    names = list(producers)
    kind = rolled.randrange(4)
    if kind == 0:
        names[rolled.randrange(len(names))] = f"x{rolled.randrange(10**6)}"
    elif kind == 1 and len(names) > 2:
        names.pop(rolled.randrange(len(names)))
    elif kind == 2:
        names.insert(rolled.randrange(len(names) + 1), f"y{rolled.randrange(10**6)}")
    else:
        names = names[1:] + names[:1]
    return tuple(names)


def caught_up(looker: ProductionSource, node: Recorder) -> None:
    """As many looks as it takes: one may read so many blocks only."""
    for look in range(1, 100):
        seen(looker, node.now + look * VERIFY_EVERY)
        settled = looker._books.settled
        if settled is not None and settled.num == node.blocks[-1].num - SETTLED:
            return
    raise AssertionError("it does not catch up")


@pytest.mark.parametrize("seed", range(4))
def test_counters_of_all_producers_equal_a_walk_however_schedules_change(seed: int, tmp_path: Path) -> None:
    rolled = random.Random(seed)
    node, memory = Savanna(), MemoryFile(tmp_path / "books.json")
    with serving(node):
        looker = source(node, memory=memory)
        seen(looker, node.now)
        start = looker._books.counted
        assert start is not None
        for _ in range(20):
            dead = rolled.randrange(4)
            for _ in range(rolled.choice((1, 2, 30, 30, 300))):
                slot = node.blocks[-1].slot + 1
                empty = slot // SLOTS_PER_WINDOW % 4 == dead and rolled.random() < 0.7
                node.make(*([False, True] if empty or rolled.random() < 0.02 else [True]))
            if rolled.random() < 0.6:
                node.change(changed(rolled, node.schedule(node.blocks[-1].slot)[1]))
                node.make(*[True] * rolled.randrange(40))
            if rolled.random() < 0.2:
                looker.close()
                looker = source(node, memory=memory)
            caught_up(looker, node)
        node.make(*[True] * 60)
        caught_up(looker, node)
        books = looker._books
        looker.close()

    assert books.counted is not None and books.counted > node.blocks[-1].slot - 60
    produced, missed = node.walk(start, books.counted)
    assert Counter(books.tally.produced) == produced
    assert Counter(books.tally.missed) == missed
    assert len(node.eras) > 4 and sum(missed.values()) > 50


def test_two_changes_between_two_looks_are_told_and_counting_goes_on_with_the_second() -> None:
    node = Savanna()
    with serving(node):
        looker = source(node)
        seen(looker, node.now)
        node.change(SECOND)
        node.make(*[True] * 96, *[False, True] * 20, *[True] * 50)
        node.change(THIRD)
        node.make(*[True] * 96)
        assert reason(looker, node.now + VERIFY_EVERY) == "unknown_schedule"
        node.make(*[True] * 60)
        found = seen(looker, node.now + 2 * VERIFY_EVERY)
        looker.close()

    assert found["scheduled", "ff"] == 1 and ("scheduled", "dd") not in found
    assert found["missed_in_turn", "ff"] == 0


def block(num: int, slot: int, producer: str) -> Block:
    return Block(num, f"a{num}", slot_time(slot), producer, "", SAVANNA)


def test_the_beginning_is_found_with_few_reads_in_a_day_of_blocks() -> None:
    old = tuple(f"bp{number:02}" for number in range(21))
    new = (*old[:7], "new", *old[8:])
    begins, reads = 252 * 400 + 84, []

    def read(num: int) -> Block:
        reads.append(num)
        return block(num, num, owner(num, new if num >= begins else old))

    assert first_slot(Change(0, old, new), 1, read(172_800), read) == begins
    assert len(reads) < 60


def test_when_nothing_tells_the_new_schedule_begins_with_the_next_window() -> None:
    head = block(30, 30, "bb")

    def read(num: int) -> Block:
        return block(num, num, owner(num, FIRST))

    assert first_slot(Change(0, FIRST, SECOND), 20, head, read) == 36


def test_a_version_is_that_of_the_header_or_of_the_era_or_unknown() -> None:
    eras = with_era(with_era(((0, 1),), 24, 2), 48, 3)
    schedules = {1: FIRST, 2: SECOND, 3: THIRD}

    assert [version_of(block(1, slot, "bb"), eras, schedules) for slot in (12, 60)] == [1, 3]
    assert version_of(block(1, 36, "ee"), eras, schedules) == 2
    assert version_of(block(1, 36, "dd"), eras, schedules) == UNKNOWN
    assert version_of(Block(1, "", slot_time(36), "dd", "", 17), eras, schedules) == 17
    assert with_era(eras, 24, 9) == ((0, 1), (24, 9))
    assert slot_of(block(1, 36, "x").time) == 36
