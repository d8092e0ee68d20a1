"""Row `keeper`: one real run of eoskeeper's rule, beside the model that bench.failover applies to crashes.

    python -m bench.keeper [--producers 21]

Its standby looks every 10 s and acts when more than two rounds have passed without a block of ours. Its
published code does not resume at all; here it does, which is what its authors meant.
"""

import argparse
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from bench.failover import KEEPER_LOOP, KEEPER_ROUNDS, keeper_misses
from bench.result import figure, write
from lab.blocks import BlockCollector
from lab.chain import Chain
from lab.server import poll, stop_watching
from nodekit.slots import current_slot, round_slots, slot_of


def main(argv: Sequence[str] | None = None) -> int:
    """Exit status 0 when the model and the real run differ by two blocks at most."""
    parser = argparse.ArgumentParser(prog="bench.keeper")
    parser.add_argument("--producers", type=int, default=21)
    producers = parser.parse_args(argv).producers
    with tempfile.TemporaryDirectory() as folder, Chain(Path(folder), producers) as chain:
        chain.load(rate=3.0)
        missed, modelled = run(chain)
    stop_watching()
    ok = abs(missed - modelled) <= 2
    write(
        "keeper", "missed blocks", figure([missed]), "the model of it", figure([modelled]),
        target="model and real run differ by 2 blocks at most", ok=ok, runs=1,
        command=f"python -m bench.keeper --producers {producers}",
    )  # fmt: skip
    return 0 if ok else 1


def run(chain: Chain) -> tuple[int, int]:
    """Kill A in the middle of our window and let the rule resume B; (missed, what the model says)."""
    blocks = BlockCollector(chain)
    window = blocks.next_window()
    poll(lambda: slot_of(chain.world.info().head_time) >= window.first_slot + 4, 2 * 126, every=0.02)
    chain["A"].kill9()
    killed = time.time()
    limit = KEEPER_ROUNDS * round_slots(chain.schedule) / 2
    phase = time.time() % KEEPER_LOOP
    while _quiet_for(chain) <= limit:
        time.sleep((phase - time.time()) % KEEPER_LOOP)
    chain["B"].resume()
    resumed = current_slot(time.time())
    poll(lambda: chain.world.info().head_producer == chain.ours, 2 * limit)
    truth = blocks.settle(current_slot(time.time()), 2 * limit)
    modelled = keeper_misses(killed, chain.ours, chain.schedule, phase)
    print(f"resumed {(resumed - current_slot(killed)) / 2:.0f} s after the crash; {truth.window_strips()}")
    return truth.missed(current_slot(killed), current_slot(time.time())), modelled


def _quiet_for(chain: Chain) -> float:
    """Seconds since our newest block, as a node that follows the chain sees it."""
    info = chain.world.info()
    number, oldest = info.head_num, info.head_num - 600
    while number > max(1, oldest):
        block = chain.world.reader.block(number)
        if block.producer == chain.ours:
            return time.time() - block.time
        number -= 1
    return time.time()


if __name__ == "__main__":
    sys.exit(main())
