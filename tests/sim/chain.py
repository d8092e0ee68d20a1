"""The chain as all honest nodes see it, and nodeos as it was measured (facts of real nodeos, see below).

Block k of a window is made (k + 1) times 50 ms before its timestamp. A pause lets the block in progress
through; a resume takes effect within the slot in progress. A node whose link to its peers is cut goes on
producing on a fork of its own and looks healthy over HTTP; a node that never saw a recent block since its
start produces nothing although it is unpaused; a node that wakes from a hang is on its old fork for a while.
"""

from collections.abc import Callable
from functools import lru_cache
from random import Random

from actuator.facts import SeenBlock
from actuator.failover.reading import Head
from nodekit.slots import EPOCH, owner, round_slots, slot_time

OURS = "ours"
EARLY = 0.05
"""Seconds by which each block of a window is made earlier than the one before."""
LIB_LAG = 42
KEY = "KEY"


def made_at(slot: int) -> float:
    """When the block of a slot leaves its producer, unix seconds."""
    return EPOCH + slot * 0.5 - (slot % 12 + 1) * EARLY


def begun_at(slot: int) -> float:
    """When its producer begins to work on a slot, unix seconds."""
    return EPOCH + slot * 0.5 - 0.5 if slot % 12 == 0 else made_at(slot - 1)


@lru_cache(maxsize=64)
def producers_of(count: int, place: int) -> tuple[str, ...]:
    """A schedule of `count` producers with ours at `place`."""
    names = [f"bp{number:02d}" for number in range(count - 1)]
    return (*names[:place], OURS, *names[place:])


@lru_cache(maxsize=64)
def _past(producers: tuple[str, ...], first: int, last: int) -> dict[int, SeenBlock]:
    return {
        slot: SeenBlock(slot - first + 1000, f"b{slot}", owner(slot, producers))
        for slot in range(first, last + 1)
    }


class Node:
    """One nodeos of our group: process, production, view of the chain."""

    __slots__ = (
        "active_by", "active_since", "agent", "asserted", "astray", "bad", "deaf", "following", "fresh", "kept", "lib_at", "linked", "mute", "name", "own_head", "paused",
        "paused_at", "process", "queue", "rival", "starts_paused", "up_since", "woke_at",
    )  # fmt: skip

    def __init__(
        self,
        name: str,
        *,
        paused: bool,
        starts_paused: bool = True,
        agent: bool = False,
        asserted: bool = True,
    ) -> None:
        self.name = name
        self.agent = agent
        """Pause and resume go through its host's agent."""
        self.asserted = asserted
        """The actuator's configuration says that it starts paused, which is true then."""
        self.kept = False
        """Its agent was told last to keep it paused."""
        self.process = "up"
        """`up`, `hung`, `stopping` (HTTP is closed already), `down`, `starting`."""
        self.paused = paused
        self.paused_at = 0.0
        self.starts_paused = starts_paused
        self.linked = True
        """Its peers are reachable."""
        self.following = True
        """Its head is the network's head."""
        self.fresh = True
        """It saw a recent block since its start."""
        self.own_head: Head | None = None
        self.rival: Head | None = None
        """Its own block of a slot that another member produced too, until the next one."""
        self.queue: list[tuple[str, Callable[[], None]]] = []
        """Calls that arrived while it hung, oldest first."""
        self.up_since = 0.0
        self.woke_at = 0.0
        self.astray = False
        """It follows a fork that other producers extend: its head is fresh, and not the network's."""
        self.deaf = False
        """Its HTTP refuses connections while it goes on producing."""
        self.lib_at: int | None = None
        """Where its last irreversible block got stuck."""
        self.bad: dict[str, float] = {}
        """What makes it unfit to produce → since when."""
        self.mute = False
        """It makes no blocks, for a reason that nobody sees over HTTP."""
        self.active_by = "start"
        """Who made it active last: `start`, `us`, `operator`, `restart`."""
        self.active_since = 0.0

    @property
    def alive(self) -> bool:
        """Whether its process can produce, now or when it wakes."""
        return self.process in ("up", "hung", "stopping")

    @property
    def armed(self) -> bool:
        """It produces in our window, now or when it wakes."""
        return self.alive and not self.paused

    @property
    def disarms_itself(self) -> bool:
        """It hangs, and the last order that waits at it is a pause."""
        orders = [verb for verb, _ in self.queue if verb != "read"]
        return self.process == "hung" and self.starts_paused and orders[-1:] == ["pause"]

    def makes(self, slot: int) -> bool:
        """Whether it makes the block of our slot, at that block's moment."""
        if self.process not in ("up", "stopping") or not self.fresh or self.mute:
            return False
        return not self.paused or self.paused_at > begun_at(slot)


class Chain:
    """The network's chain; `advance` makes the blocks that are due."""

    def __init__(self, producers: tuple[str, ...], start_slot: int, nodes: list[Node], rng: Random) -> None:
        self.producers = producers
        self.keys: tuple[str, ...] = (KEY,)
        self.version = 1
        self.changing: str | None = None
        self.against_since: float | None = None
        self.changed_at = 0.0
        """When another schedule became active."""
        """Since when the schedule, or one that is coming, forbids a resume (true time)."""
        self.first_slot = start_slot - 2 * round_slots(producers)
        self.blocks = dict(_past(producers, self.first_slot, start_slot - 1))
        self.ids: dict[int, str] = {}
        self.head = self._head_of(start_slot - 1)
        self.next_slot = start_slot
        self.stalled_since: float | None = None
        self.loaded = True
        self.nodes = nodes
        self.rng = rng
        self.on_slot: Callable[[int, list[str], bool], None] = lambda _slot, _makers, _seen: None
        """Told of each of our slots: who made it in time, and whether the network has it."""

    def _head_of(self, slot: int) -> Head:
        block = self.blocks[slot]
        return Head(block.num, block.id, slot, block.producer)

    def advance(self, now: float) -> None:
        """Make all blocks up to a moment."""
        slot = self.next_slot
        while made_at(slot) <= now:
            producer = owner(slot, self.producers)
            if producer == OURS:
                self._our_slot(slot)
            elif self.stalled_since is None:
                self._add(slot, producer, f"b{slot}")
            slot += 1
            self.next_slot = slot

    def catch_up(self, node: Node, now: float) -> None:
        """A node that was just resumed still makes the slot in progress, up to 0.1 s before its end."""
        slot = self.next_slot - 1
        if now > slot_time(slot) - 0.1 or owner(slot, self.producers) != OURS or slot in self.blocks:
            return
        if node.process == "up" and node.fresh and not node.mute and self.keys == (KEY,):
            self._our_slot(slot)

    def _add(self, slot: int, producer: str, block_id: str) -> None:
        num = self.head.num + 1
        self.blocks[slot] = SeenBlock(num, block_id, producer)
        self.head = Head(num, block_id, slot, producer)

    def _our_slot(self, slot: int) -> None:
        makers = [node for node in self.nodes if node.makes(slot)]
        if self.keys != (KEY,) or not makers:
            if not makers:
                self.on_slot(slot, [], False)
            return
        public = [
            node
            for node in makers
            if node.following and node.linked and not node.astray and self.stalled_since is None
        ]
        for node in makers:
            if node not in public:
                self._private(node, slot)
        if public:
            winner = self.rng.choice(public) if len(public) > 1 else public[0]
            many = len(public) > 1 and self.loaded
            self._add(slot, OURS, f"b{slot}{winner.name}" if many else f"b{slot}")
            for node in public:
                if many and node is not winner:
                    node.rival = Head(self.head.num, f"b{slot}{node.name}", slot, OURS)
        self.on_slot(slot, [node.name for node in makers], bool(public))

    def _private(self, node: Node, slot: int) -> None:
        before = node.own_head or self.head
        node.own_head = Head(before.num + 1, f"b{slot}{node.name}'", slot, OURS)

    def stall(self, now: float) -> None:
        """From now on nobody's blocks get anywhere."""
        if self.stalled_since is None:
            self.stalled_since = now

    def announce(self, text: str, now: float) -> None:
        """A schedule that changes something for us is pending."""
        self.changing = text
        self.against_since = now if self.against_since is None else self.against_since

    def turn(self, producers: tuple[str, ...], keys: tuple[str, ...], now: float) -> None:
        """Another schedule becomes active."""
        self.producers, self.keys, self.changing = producers, keys, None
        self.version += 1
        self.changed_at = now
        against = OURS not in producers or keys != (KEY,)
        self.against_since = (self.against_since or now) if against else None

    def head_of(self, node: Node) -> Head:
        """What a node shows as its head."""
        if not node.following and node.own_head is not None:
            return node.own_head
        if node.astray:
            return Head(self.head.num, f"{self.head.id}~", self.head.slot, self.head.producer)
        if node.rival is not None and node.rival.slot == self.head.slot:
            return node.rival
        return self.head

    def leave(self, node: Node) -> None:
        """From now on the node does not see the network's blocks."""
        if node.following:
            node.own_head = self.head_of(node)
            node.following = False
