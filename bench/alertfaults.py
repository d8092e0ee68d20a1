"""The faults that `bench/alerts.py` does to a real chain, and the alerts that each must and may fire."""

from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path
from shutil import rmtree

from lab.chain import Chain
from lab.node import Node
from lab.packing import OUR_KEY, WORLD_KEY, KeyPair, set_abi, set_producers
from lab.server import ServerError, poll
from lab.stack import Stack
from nodekit.nodeos import Nodeos


@dataclass(frozen=True, slots=True)
class Scene:
    """What a fault can touch."""

    chain: Chain
    stack: Stack
    folder: Path
    guests: ExitStack = field(default_factory=ExitStack)
    """What a fault started beside the chain; its end closes them."""

    def __getitem__(self, name: str) -> Node:
        """A node by name."""
        return self.chain[name]


Deed = Callable[[Scene], None]


@dataclass(frozen=True, slots=True)
class Fault:
    """What is done, and the critical alerts that it must and may fire."""

    begin: Deed
    must: frozenset[str]
    watched: float
    """Seconds."""
    may: frozenset[str] = frozenset()
    """Another side of the same fault, by the moment at which it begins."""
    tells: frozenset[str] = frozenset()
    """`alert severity` of others that must fire with it."""
    end: Deed = lambda _: None
    """Undoes what healing the chain's nodes does not."""


def stall(on: Scene) -> None:
    """Nobody makes blocks any more: all other producers are on one node that hangs, and ours is paused."""
    on["A"].pause()
    on.chain.world.hang()


def take_over(on: Scene) -> None:
    """The active node is gone and another has its place, as after a takeover."""
    on["A"].kill9()
    on["B"].resume()


def schedule(on: Scene, key: KeyPair | None) -> None:
    """Propose a schedule with another key for our producer, or without it."""
    names = [name for name in on.chain.schedule if key is not None or name != on.chain.ours]
    on.chain.wallet.push(
        set_producers([(name, key if key and name == on.chain.ours else WORLD_KEY) for name in names])
    )


def schedule_again(on: Scene) -> None:
    """The first schedule again; returns when it is active. Raises ServerError."""
    schedule(on, OUR_KEY)

    def active() -> bool:
        read = on.chain.world.reader.schedules().active
        return read.producers == on.chain.schedule and read.keys_of(on.chain.ours) == (OUR_KEY.public,)

    if not poll(active, 120, every=1.0):
        raise ServerError("the first schedule did not become active again")


def stranger(on: Scene) -> None:
    """C's address leads to a paused node of another chain."""
    other = Chain(on.folder / "other", producers=2, members=("M",), paused=("M",))
    theirs, ours = other["M"], on["C"]
    theirs.http_port, theirs.url, theirs.reader = ours.http_port, ours.url, Nodeos(ours.url, timeout=3.0)
    ours.stop()
    on.guests.enter_context(other)


def restart_with(on: Scene, name: str, *words: str, afresh: bool = False) -> None:
    """Restart a member, paused, with other arguments; `afresh`: with an empty state, from its blocks."""
    node = on[name]
    node.stop()
    node.spec = replace(node.spec, extra=words)
    if afresh:
        rmtree(node.dir / "data" / "state")
    node.restart(paused=True)


def as_before(on: Scene) -> None:
    """C with its usual arguments and state."""
    restart_with(on, "C", "--hard-replay-blockchain", afresh=True)
    on["C"].spec = replace(on["C"].spec, extra=())


def fill(on: Scene) -> None:
    """C's state database has room for 6 MB, and 500 KB come."""
    words = (
        "--chain-state-db-size-mb",
        "6",
        "--chain-state-db-guard-size-mb",
        "0",
        "--hard-replay-blockchain",
    )
    restart_with(on, "C", *words, afresh=True)
    on.chain.wallet.push(set_abi(500_000))


def empty(on: Scene) -> None:
    """Room, and C's usual database again."""
    on.chain.wallet.push(set_abi(20))
    as_before(on)


def watch_with(module: str) -> Deed:
    """Restart the exporter as another program."""

    def deed(on: Scene) -> None:
        on.stack.exporter.stop()
        on.stack.exporter.module = module
        on.stack.exporter.start()

    return deed


DOWN, MISSES, TWO = "AntelopeNodeDown", "AntelopeProducerDown", "AntelopeProducerTwoActive"
NOBODY = frozenset({MISSES, "AntelopeProducerNoneActive"})
COSTS = frozenset({"AntelopeProducerMissedBlocks", "AntelopeProducerSilent"})
"""What follows when a fault that is not mended goes on for two rounds."""
FAULTS = {
    "nothing": Fault(lambda _: None, frozenset(), 60),
    "standby restarted": Fault(
        lambda on: on["B"].restart(), frozenset(), 20, tells=frozenset({"AntelopeNodeRestarted info"})
    ),
    "came up unpaused": Fault(
        lambda on: on["C"].restart(paused=False), frozenset({TWO}), 20,
        tells=frozenset({"AntelopeStartFenceBroken warning"}),
    ),
    "two active through turns": Fault(
        lambda on: on["B"].resume(), frozenset({TWO}), 90,
        tells=frozenset({"AntelopeProducerSlotsDoubled warning", "AntelopeProducerBlocksOrphaned warning"}),
    ),
    "two active": Fault(lambda on: on["B"].resume(), frozenset({TWO}), 20),
    "nobody active": Fault(lambda on: on["A"].pause(), NOBODY, 20, COSTS),
    "nobody active for long": Fault(
        lambda on: on["A"].pause(), NOBODY | COSTS, 200,
        tells=frozenset({"AntelopeProducerSilentLong warning"}),
    ),
    "killed": Fault(lambda on: on["A"].kill9(), NOBODY | {DOWN}, 20, COSTS),
    "killed and replaced": Fault(
        take_over, frozenset({DOWN}), 45, COSTS,
        tells=frozenset({"AntelopeProducerPossiblyTwoActive warning"}),
    ),
    "hung": Fault(lambda on: on["A"].hang(), NOBODY | {DOWN}, 20, COSTS),
    "standby killed": Fault(lambda on: on["B"].kill9(), frozenset({DOWN}), 20),
    "cut off": Fault(
        lambda on: on["A"].cut(),
        frozenset({MISSES, "AntelopeHeadStalled"}), 75, COSTS | {"AntelopeAloneOnFork"},
        tells=frozenset({"AntelopeNodeOnFork warning"}),
    ),
    "standby cut off": Fault(lambda on: on["B"].cut(), frozenset({"AntelopeHeadStalled"}), 25),
    "standby cut off for long": Fault(
        lambda on: on["B"].cut(), frozenset({"AntelopeHeadStalled"}), 160,
        tells=frozenset({"AntelopeStandbyNotReady warning", "AntelopeFewPeers warning"}),
    ),
    "standby on another chain": Fault(
        stranger, frozenset({"AntelopeWrongChain"}), 30, end=lambda on: on.guests.close()
    ),
    "pause state hidden": Fault(
        lambda on: restart_with(
            on, "C", "--http-server-address", "http-category-address",
            "--http-category-address", f"chain_ro,127.0.0.1:{on['C'].http_port}",
        ),
        frozenset(), 80, tells=frozenset({"AntelopePauseStateHidden warning"}), end=as_before,
    ),
    "database nearly full": Fault(
        fill, frozenset({"AntelopeDatabaseFull"}), 140,  # it is looked at once a minute
        tells=frozenset({"AntelopeDatabaseFull warning"}), end=empty,
    ),
    "exporter's clock 3 s ahead": Fault(
        watch_with("bench.skewed"), frozenset(), 150, tells=frozenset({"AntelopeClockSkew warning"}),
        end=watch_with("exporter"),
    ),
    "key changed": Fault(
        lambda on: schedule(on, WORLD_KEY),
        frozenset({"AntelopeProducerKeyWrong", MISSES}), 110, COSTS,
        tells=frozenset({
            "AntelopeProducerScheduleChanges warning", "AntelopeProducerKeyChanged warning",
            "AntelopeProducerActiveButSilent warning",
        }), end=schedule_again,
    ),
    "voted out": Fault(
        lambda on: schedule(on, None), frozenset(), 90,
        tells=frozenset({
            "AntelopeProducerScheduleChanges warning", "AntelopeProducerUnscheduled warning",
        }), end=schedule_again,
    ),
    "chain stands still": Fault(
        stall, frozenset({"AntelopeChainStalled"}), 30, NOBODY
    ),
}  # fmt: skip
"""In the order in which they are done."""
