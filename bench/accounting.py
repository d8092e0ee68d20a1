"""Row `accounting`: the exporter's counters against a walk over every block, through everything that
goes wrong.

    python -m bench.accounting [--producers 21] [--rounds 7]

A real chain with transactions. In our window of the first rounds A is killed with -9, hung, all others hang
(so that they miss, too), A is cut from all peers, restarted while the exporter is killed too, and B is active
beside it; then healthy rounds. In the end the counters of all producers must be those of a walk over the
blocks that they cover: 0 differences. Beside it the way of who counts at the head: every second, gaps belong
to whoever was next after the head that was seen before.
"""

import argparse
import json
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from bench.result import figure, write
from exporter.books import SETTLED
from lab.blocks import BlockCollector, ChainReader
from lab.chain import Chain
from lab.server import poll, stop_watching
from lab.stack import Program, exporter_config
from nodekit.answers import Block
from nodekit.http import HttpError
from nodekit.nodeos import Nodeos
from nodekit.slots import current_slot, owner, slot_of

Counts = tuple[Counter[str], Counter[str]]
"""Blocks produced and missed by producer."""


class Naive(threading.Thread):
    """Counts at the head, once a second, without waiting and without reading blocks."""

    def __init__(self, chain: Chain) -> None:
        super().__init__(daemon=True)
        self._node = Nodeos(chain.world.url)
        self._schedule = chain.schedule
        self._ended = threading.Event()
        self.first = self.last = 0
        """Block numbers between which it counted."""
        self.produced: Counter[str] = Counter()
        self.missed: Counter[str] = Counter()

    def run(self) -> None:
        """Until it is stopped."""
        head = self._node.info()
        self.first = self.last = head.head_num
        slot = slot_of(head.head_time)
        while not self._ended.wait(1.0):
            try:
                info = self._node.info()
            except HttpError:
                continue
            now, empty = slot_of(info.head_time), slot_of(info.head_time) - slot - (info.head_num - self.last)
            for number, each in enumerate(range(slot + 1, now + 1)):
                (self.missed if number < empty else self.produced)[owner(each, self._schedule)] += 1
            slot, self.last = now, info.head_num

    def stop(self) -> Counts:
        """End it; what it counted."""
        self._ended.set()
        self.join(5)
        self._node.close()
        return self.produced, self.missed


def main(argv: Sequence[str] | None = None) -> int:
    """Exit status 0 when no counter of any producer differs."""
    parser = argparse.ArgumentParser(prog="bench.accounting")
    parser.add_argument("--producers", type=int, default=21)
    parser.add_argument("--rounds", type=int, default=7)
    arguments = parser.parse_args(argv)
    with tempfile.TemporaryDirectory() as folder, Chain(Path(folder) / "chain", arguments.producers) as chain:
        chain.load(rate=6.0)
        exporter = Program("exporter", "exporter", Path(folder) / "exporter", exporter_config(chain))
        ours, naive, missed = run(chain, exporter, arguments.rounds)
    stop_watching()
    ok = ours == 0 and missed > 0
    write(
        "accounting", "wrong counters", figure([ours]), "counting at the head once a second", figure([naive]),
        target=f"0 of {2 * arguments.producers} counters differ from a walk over the blocks", ok=ok, runs=1,
        command=f"python -m bench.accounting --producers {arguments.producers} --rounds {arguments.rounds}",
    )  # fmt: skip
    return 0 if ok else 1


def run(chain: Chain, exporter: Program, rounds: int) -> tuple[int, int, int]:
    """Wrong counters of ours, of the naive way, and how many blocks were missed in all."""
    state = exporter.dir / "state" / "production-eos.json"
    faults: list[tuple[str, Callable[[Chain, Program], None]]] = [
        ("kill -9", lambda chain, _: _killed(chain)),
        ("hung", lambda chain, _: _hung(chain)),
        ("the others hung", lambda chain, _: _others_hung(chain)),
        ("cut from all peers", lambda chain, _: _cut(chain)),
        ("restart, of the exporter too", _restarted),
        ("two active", lambda chain, _: _two_active(chain)),
    ]
    with exporter:
        assert poll(lambda: state.exists() and _kept(state)["settled"] is not None, 60), "nothing was counted"
        before = _kept(state)
        naive = Naive(chain)
        naive.start()
        for number in range(rounds):
            name, fault = faults[number] if number < len(faults) else ("nothing", lambda *_: None)
            window = BlockCollector(chain).next_window()
            poll(lambda end=window: current_slot(time.time()) >= end.first_slot + 4, 150, every=0.05)  # type: ignore[misc]
            fault(chain, exporter)
            poll(lambda end=window: current_slot(time.time()) > end.last_slot + 2, 60, every=0.2)  # type: ignore[misc]
            print(f"round {number + 1}: {name}", flush=True)
        counted = naive.stop()
        head = chain.world.info().head_num
        poll(lambda: _kept(state)["settled"]["num"] >= head - SETTLED, 90, every=0.5)
        exporter.stop()
    after = _kept(state)
    found = tuple(
        Counter(after["tally"][kind]) - Counter(before["tally"][kind]) for kind in ("produced", "missed")
    )
    first = min(before["settled"]["num"], naive.first)
    blocks = {block.num: block for block in ChainReader(chain.world.reader).read(first)}
    for mark in (before, after):
        assert blocks[mark["settled"]["num"]].id == mark["settled"]["id"], "it counted another chain"
    truth = walk(blocks, before["settled"]["num"], after["settled"]["num"], chain.schedule)
    seen = walk(blocks, naive.first, naive.last, chain.schedule)
    print(f"blocks walked: {after['settled']['num'] - before['settled']['num']}; missed: {dict(truth[1])}")
    return (
        differences(found, truth, chain.schedule),  # type: ignore[arg-type]
        differences(counted, seen, chain.schedule),
        sum(truth[1].values()),
    )


def _kept(state: Path) -> Any:
    return json.loads(state.read_text())


def walk(blocks: dict[int, Block], first: int, last: int, schedule: tuple[str, ...]) -> Counts:
    """Produced and missed after one block up to another, block by block."""
    path = [blocks[num] for num in range(first, last + 1)]
    taken = {slot_of(block.time) for block in path}
    span = range(slot_of(path[0].time) + 1, slot_of(path[-1].time))
    missed = Counter(owner(slot, schedule) for slot in span if slot not in taken)
    return Counter(block.producer for block in path[1:]), missed


def differences(found: Counts, truth: Counts, schedule: tuple[str, ...]) -> int:
    """Counters that are not equal."""
    return sum(
        1
        for mine, right in zip(found, truth, strict=True)
        for producer in schedule
        if mine[producer] != right[producer]
    )


def _killed(chain: Chain) -> None:
    chain["A"].kill9()
    time.sleep(4)
    chain["A"].restart(paused=False)


def _hung(chain: Chain) -> None:
    chain["A"].hang()
    time.sleep(8)
    chain["A"].wake()


def _others_hung(chain: Chain) -> None:
    """The node of all other producers, over the end of our window: slots of those after us stay empty."""
    chain.world.hang()
    time.sleep(12)
    chain.world.wake()


def _cut(chain: Chain) -> None:
    chain["A"].cut()
    time.sleep(8)
    chain["A"].mend()


def _restarted(chain: Chain, exporter: Program) -> None:
    exporter.kill9()
    chain["A"].restart(paused=False)
    time.sleep(20)
    exporter.start()


def _two_active(chain: Chain) -> None:
    """B beside A for the rest of this window and the whole of the next one."""
    chain["B"].resume()
    window = BlockCollector(chain).next_window()
    poll(lambda: current_slot(time.time()) > window.last_slot, 150, every=0.2)
    chain["B"].pause()


if __name__ == "__main__":
    sys.exit(main())
