"""The cases of row `faults`: what is done to a real chain, and what may come of it."""

import random
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from bench.failover import KEEPER_LOOP, keeper_misses
from lab.blocks import BlockCollector
from lab.node import Node
from lab.server import poll
from lab.stack import Stack
from nodekit.http import HttpError, request, session
from nodekit.slots import Window, current_slot, round_slots, slot_of


@dataclass(frozen=True, slots=True)
class Result:
    """What came of one case. `keeper`: blocks that eoskeeper's rule would have missed, of crashes only."""

    name: str
    missed: int
    doubled: int
    ok: bool
    strip: str
    note: str = ""
    keeper: int | None = None

    def line(self) -> str:
        """For a reader."""
        mark = "ok    " if self.ok else "MISSED"
        return (
            f"{mark} {self.name:24} missed {self.missed}, doubled {self.doubled}  {self.strip}  {self.note}"
        )


class Field:
    """A running actuator with its chain; cases leave it as they found it, but for who produces."""

    def __init__(self, stack: Stack, dice: random.Random, inside: int = 3) -> None:
        self.stack = stack
        self.chain = stack.chain
        self.dice = dice
        self.inside = inside
        """Blocks that a crash in our window may cost."""
        self.seconds = round_slots(self.chain.schedule) / 2
        self.blocks = BlockCollector(self.chain)

    @property
    def group(self) -> dict[str, Any]:
        """The group's status now."""
        return self.stack.group()

    @property
    def holder(self) -> Node:
        """The node that produces for us."""
        return self.chain[self.group["holder"]]

    @property
    def standbys(self) -> list[Node]:
        """The others, in order of preference."""
        return [node for name, node in self.chain.members.items() if name != self.group["holder"]]

    def restore(self) -> None:
        """Every node runs, linked and in sync; all but the holder are ready standbys."""
        self.chain.world.wake()
        for node in self.chain.members.values():
            node.wake()
            if not node.running:
                node.restart(paused=True)
            if node.is_cut:
                node.mend()
        self.must(lambda: self.group["phase"] == "steady", 2 * self.seconds + 60, "not steady again")
        self.must(self.all_ready, 90, "not all ready again")
        self.blocks = BlockCollector(self.chain)

    def all_ready(self) -> bool:
        """Whether every member but the active one could take over now."""
        return all(node["active"] or not node["not_ready_because"] for node in self.group["nodes"])

    def must(self, condition: Callable[[], bool], timeout: float, otherwise: str) -> None:
        """Wait for it. Raises TimeoutError with what the actuator says of the group and of each node."""
        if not poll(condition, timeout, every=0.02):
            group = self.group
            unready = [
                f"{node['name']} {'; '.join(node['not_ready_because'])}"
                for node in group["nodes"] if node["not_ready_because"]
            ]  # fmt: skip
            raise TimeoutError(f"{otherwise}: {'; '.join([group['why'], *unready])}")

    def in_gap(self) -> None:
        """Wait for a moment well outside our window."""
        self.until(lambda window, now: window.opens - now > 8.0 and self._closed_for(now) > 2.0)

    def in_window(self, block: int) -> Window:
        """Wait until our block of that number is on the chain in our next window; the window."""
        window = self.blocks.next_window()
        first = window.first_slot + block - 1
        self.must(
            lambda: slot_of(self.chain.world.info().head_time) >= first, self.seconds + 30, "no block of ours"
        )
        return window

    def until(self, fits: Callable[[Window, float], bool]) -> None:
        """Wait for a moment that fits the next window."""
        self.must(lambda: fits(self.blocks.next_window(), time.time()), self.seconds + 30, "no such moment")

    def _closed_for(self, now: float) -> float:
        return now - (self.blocks.next_window(now).closes - self.seconds)

    def taken_over(self, holder: str, timeout: float) -> None:
        """Wait until another node is the proven holder."""
        self.must(
            lambda: self.group["holder"] != holder and self.group["phase"] == "steady", timeout,
            f"nobody took over from {holder}",
        )  # fmt: skip

    def judge(self, name: str, since: float, most: int, note: str = "", *, good: bool = True) -> Result:
        """What our slots since a moment came to, through the window in which production is proven."""
        first, last = current_slot(since), current_slot(time.time())
        truth = self.blocks.settle(last)
        missed, doubled = truth.missed(first, last), truth.doubled(first, last)
        met = good and missed <= most and doubled == 0
        return Result(name, missed, doubled, met, truth.strip(first, last), note)

    def steps(self) -> int:
        """How many control steps the ledger has."""
        return sum(1 for row in self.stack.history()["steps"] if row["epoch"] is not None)


def crash_outside(field: Field) -> Result:
    """kill -9 of the holder between our windows: nothing is lost."""
    field.in_gap()
    return _crash(field, "crash outside window", 0)


def crash_inside(field: Field) -> Result:
    """kill -9 of the holder in the middle of our window: the blocks of the two seconds of proof."""
    field.in_window(5)
    return _crash(field, "crash in window", field.inside)


def _crash(field: Field, name: str, most: int) -> Result:
    holder = field.holder
    holder.kill9()
    killed = time.time()
    field.taken_over(holder.name, field.seconds + 30)
    keeper = keeper_misses(killed, field.chain.ours, field.chain.schedule, field.dice.uniform(0, KEEPER_LOOP))
    result = field.judge(name, killed, most)
    return Result(result.name, result.missed, result.doubled, result.ok, result.strip, "", keeper)


def unfenced_restart(field: Field) -> Result:
    """The old holder is started without its fence after another took over: it is paused at once."""
    field.in_gap()
    old = field.holder
    old.kill9()
    field.taken_over(old.name, field.seconds + 30)
    field.in_gap()
    since = time.time()
    old.restart(paused=False)
    answers = time.monotonic()
    field.must(old.paused, 10, f"{old.name} is not paused")
    took = time.monotonic() - answers
    field.must(lambda: field.group["phase"] == "latched", 10, "not latched")
    window = field.blocks.next_window()
    field.blocks.settle(window.last_slot, field.seconds + 30)
    result = field.judge(
        "unfenced restart", since, 0, f"paused {took:.2f} s after its API opened", good=took <= 1.5
    )
    field.stack.cli("release", field.group["group"])
    return result


def hang(field: Field) -> Result:
    """SIGSTOP in our window, SIGCONT after another took over: it pauses within a second."""
    window = field.in_window(5)
    holder = field.holder
    holder.hang()
    hung = time.time()
    field.must(lambda: field.group["holder"] != holder.name, 30, f"nobody took over from {holder.name}")
    field.blocks.settle(window.last_slot)
    holder.wake()
    woken = time.monotonic()
    field.must(lambda: _paused(holder), 10, f"{holder.name} woke and is not paused")
    took = time.monotonic() - woken
    after = field.blocks.next_window()
    field.blocks.settle(after.last_slot, field.seconds + 30)
    return field.judge("hang in window", hung, 4, f"paused {took:.2f} s after it woke", good=took <= 1.0)


def _paused(node: Node) -> bool:
    try:
        return node.paused()
    except HttpError:
        return False


def mute(field: Field) -> Result:
    """Alive, unpaused, in sync, but it produces nothing: an option makes it refuse to."""
    window = field.in_window(4)
    holder = field.holder
    with session() as http:
        request(
            http, "POST", f"{holder.url}/v1/producer/update_runtime_options", timeout=2.0,
            body=b'{"max_irreversible_block_age": 1}',
        )  # fmt: skip
    muted = time.time()
    field.taken_over(holder.name, field.seconds + 30)
    field.blocks.settle(window.last_slot)
    result = field.judge("alive, not producing", muted, 3)
    holder.restart(paused=True)
    return result


def switchover(field: Field) -> Result:
    """A planned move in the gap: no block is missed, doubled or orphaned."""
    old, to = field.holder.name, field.standbys[0].name
    since = time.time()
    done = field.stack.cli("switchover", field.group["group"], "--to", to, "--no-wait")
    field.taken_over(old, 2 * field.seconds + 30)
    result = field.judge("switchover", since, 0, good=done.returncode == 0)
    orphans = sum(len(slot.orphans) for slot in field.blocks.truth().slots)
    return Result(
        result.name, result.missed, result.doubled, result.ok and orphans == 0, result.strip,
        f"{orphans} forked blocks",
    )  # fmt: skip


def isolated_standby(field: Field) -> Result:
    """The preferred standby has no peers when the holder dies: the other one takes over."""
    field.in_gap()
    unfit, fit = field.standbys
    unfit.cut()
    time.sleep(8.0)  # a head ages by the others' slots, peers are asked for every three seconds
    return _unfit(field, "isolated standby", unfit, fit)


def stale_standby(field: Field) -> Result:
    """The preferred standby hung and woke a moment ago, far behind: the other one takes over."""
    field.in_gap()
    unfit, fit = field.standbys
    unfit.hang()
    time.sleep(8.0)
    return _unfit(field, "hung standby", unfit, fit)


def _unfit(field: Field, name: str, unfit: Node, fit: Node) -> Result:
    """A hung standby is fenced by a waiting pause like a hung holder."""
    holder = field.holder
    since = time.time()
    holder.kill9()
    field.taken_over(holder.name, field.seconds + 60)
    chosen = field.group["holder"]
    result = field.judge(
        name, since, 12, f"{chosen} was chosen, {unfit.name} is unfit", good=chosen == fit.name
    )
    return Result(
        result.name,
        result.missed,
        result.doubled,
        result.ok and result.missed == 0,
        result.strip,
        result.note,
    )


def stall(field: Field) -> Result:
    """The whole chain stands still over our window: nothing is done."""
    before = field.steps()
    field.until(lambda window, now: 20.0 < window.opens - now < 40.0)
    since = time.time()
    field.chain.world.hang()
    time.sleep(45.0)
    field.chain.world.wake()
    done = field.steps() - before
    phase = field.group["phase"]
    return Result(
        "chain stalls",
        0,
        0,
        done == 0 and phase == "steady",
        "",
        f"{done} steps, {time.time() - since:.0f} s",
    )


CASES: dict[str, Callable[[Field], Result]] = {
    "crash-outside": crash_outside,
    "crash-inside": crash_inside,
    "hang": hang,
    "mute": mute,
    "isolated-standby": isolated_standby,
    "hung-standby": stale_standby,
    "unfenced-restart": unfenced_restart,
    "stall": stall,
    "switchover": switchover,
}
"""Each of them by its name on the command line."""
