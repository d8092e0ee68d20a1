"""PURE: what the actuator believes about a group, and how fresh each belief is.

Unknown is None, never a guess. All times are unix seconds.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from nodekit.slots import SLOT_SECONDS, Window, owner, previous_window, slot_time, window_of

ARRIVAL_GRACE = 0.3
"""Seconds after a slot's timestamp by which its block has reached a healthy witness (measured on a LAN)."""
AGREE_SLOTS = 2
"""Witnesses are read up to a second apart; one that is further behind is cut off itself."""
STALL_SLOTS = 24
"""Empty slots of others in a row (two whole turns) that mean: the chain, or our view of it, stands still."""
FRESH_SLOTS = 4
"""Slots of others that a candidate's head may lag: the 2 s of DESIGN §5.4 without our own empty slots."""


FLOW_SLOTS = 3
"""Of so many slots right before our window one at least has a block, or the chain stopped before our turn."""


class Reach(StrEnum):
    """Outcome of the newest attempt to read a node."""

    ANSWERS = "answers"
    REFUSED = "refused"
    TIMEOUT = "timeout"
    BROKEN = "broken"
    """It answers, but not as our nodeos: HTTP error, no JSON, connection closed, another chain."""
    UNSEEN = "unseen"
    """Not tried yet."""


@dataclass(frozen=True, slots=True)
class Refusals:
    """An unbroken run of refused connections."""

    since: float
    last: float
    count: int
    answered_before: float | None
    """When the address had last answered before the run; None when it never did."""


@dataclass(frozen=True, slots=True)
class NodeFact:
    """One member of a group. Members after `answered_at` are None unless it answers now."""

    name: str
    reach: Reach = Reach.UNSEEN
    checked_at: float | None = None
    answered_at: float | None = None
    refusals: Refusals | None = None
    paused: bool | None = None
    head_num: int | None = None
    head_slot: int | None = None
    lib_num: int | None = None
    lib_moved_at: float | None = None
    peers: int | None = None
    agrees: bool | None = None
    """Its newest block that a witness knows too has the witness's id."""
    active_since: float | None = None
    """When it was first read active in the present run of such readings; None when it is not active."""
    silences: int = 0
    """Looks in a row that got no answer, since the last answer or the last jump of our clock."""
    broken_at: float | None = None
    """When its connection last broke: a restart may lie there."""
    starts_paused: bool = False
    agent: bool = False
    """Pause and resume go through its host's agent, which can also prove that the process is stopped."""
    stopped_at: float | None = None
    """When that agent, asked since the connection ended, found no process and its start fenced."""

    @property
    def active(self) -> bool:
        """It answers and is not paused: it produces when its turn comes."""
        return self.reach is Reach.ANSWERS and self.paused is False


@dataclass(frozen=True, slots=True)
class SeenBlock:
    """A block on a witness's chain."""

    num: int
    id: str
    producer: str


@dataclass(frozen=True, slots=True)
class ChainFact:
    """The chain as the best witness shows it."""

    witnesses: int
    """How many witnesses answer now."""
    checked_at: float
    """When the best witness was read."""
    producers: tuple[str, ...]
    schedule_version: int
    our_keys: tuple[str, ...]
    """Signing keys that the active schedule names for our producer."""
    changing: str | None
    """What a pending or proposed schedule would change for us, in words."""
    head_slot: int
    first_slot: int
    """The view has no gap from here to the head."""
    blocks: Mapping[int, SeenBlock] = field(default_factory=dict)
    """Slot → block; a slot in the view without a block is empty."""
    agreeing: int = 0
    """How many witnesses show this very chain, to within AGREE_SLOTS of its head."""
    doubled: frozenset[int] = frozenset()
    """Our slots for which two different blocks were seen anywhere."""
    ahead: float = 0.0
    """Seconds by which our clock is clearly ahead of the chain's: slots are settled that much later."""


@dataclass(frozen=True, slots=True)
class StepFact:
    """A control step of the current epoch as the ledger has it."""

    name: str
    """`pause.1`, `resume.1`, …"""
    node: str
    state: str
    finished_at: float | None
    detail: str
    evidence: str = ""
    """`queued`: the call waits at a silent node, whose kernel has acknowledged every byte of it.
    `stopped`: the agent of the node's host says that the process is stopped and its start fenced.
    `kept`: that agent could not tell the node, and pauses it should it start unpaused."""


@dataclass(frozen=True, slots=True)
class Facts:
    """All that a decision about a group may look at."""

    now: float
    nodes: tuple[NodeFact, ...]
    """Members in order of preference."""
    chain: ChainFact | None
    steps: tuple[StepFact, ...] = ()
    held: Mapping[str, str] = field(default_factory=dict)
    """Member (or `*`) → why an operator holds it."""
    alerted_at: float | None = None
    """When an alert last asked the group to look."""

    def node(self, name: str) -> NodeFact:
        """A member by name; one without a fact is unseen."""
        for node in self.nodes:
            if node.name == name:
                return node
        return NodeFact(name)


def active_members(facts: Facts) -> list[str]:
    """Members whose newest reading says that they are active."""
    return [node.name for node in facts.nodes if node.active]


def at_the_same_time(facts: Facts) -> bool:
    """Whether members that read active do so together: each was read again after the last one became so.

    Readings lie up to a second apart. An operator who pauses one node and resumes another leaves, for
    that second, the old reading of the first beside the new one of the second.
    """
    active = [node for node in facts.nodes if node.active]
    newest = max((node.active_since for node in active if node.active_since is not None), default=None)
    return newest is None or all(node.checked_at is not None and node.checked_at >= newest for node in active)


def settled_slot(chain: ChainFact) -> int:
    """The newest slot whose block would have arrived by the time the witness was read."""
    return int((chain.checked_at - chain.ahead - ARRIVAL_GRACE - slot_time(0)) // SLOT_SECONDS)


def empty_own_slots(chain: ChainFact, producer: str, first: int) -> tuple[int, ...]:
    """Our settled empty slots from `first` on (or from where the view begins)."""
    span = range(max(first, chain.first_slot), settled_slot(chain) + 1)
    return tuple(
        slot for slot in span if slot not in chain.blocks and owner(slot, chain.producers) == producer
    )


def vacant_slots(chain: ChainFact, producer: str, since: float) -> tuple[int, ...]:
    """Our settled slots of one window that nobody filled, after `since` (unix seconds) and our newest block,
    in a window that the others' blocks led up to: the newest such window's."""
    newest = last_own_block(chain, producer)
    first = max(int((since - slot_time(0)) // SLOT_SECONDS) + 1, 0 if newest is None else newest + 1)
    windows: dict[int, list[int]] = {}
    for slot in empty_own_slots(chain, producer, first):
        windows.setdefault(window_of(slot, chain.producers).first_slot, []).append(slot)
    flowing = [
        slots for slots in windows.values() if flows_before(window_of(slots[0], chain.producers), chain)
    ]
    return tuple(flowing[-1]) if flowing else ()


def others_silent(chain: ChainFact, producer: str) -> int:
    """Settled empty slots of others since the newest block."""
    span = range(chain.head_slot + 1, settled_slot(chain) + 1)
    return sum(1 for slot in span if owner(slot, chain.producers) != producer)


def stalled(chain: ChainFact, producer: str) -> bool:
    """Whether everybody's slots are empty: then it is not our node that failed."""
    return others_silent(chain, producer) >= STALL_SLOTS


def flows_before(window: Window, chain: ChainFact) -> bool:
    """Whether others' blocks arrived right before our window; if not, its empty slots prove nothing."""
    return any(window.first_slot - back in chain.blocks for back in range(1, FLOW_SLOTS + 1))


def lag_of(node: NodeFact, chain: ChainFact, producer: str) -> int | None:
    """Slots of others, settled by the node's own reading, that a node's head lies behind."""
    if node.head_slot is None or node.checked_at is None:
        return None
    now_slot = int((node.checked_at - chain.ahead - ARRIVAL_GRACE - slot_time(0)) // SLOT_SECONDS)
    span = range(node.head_slot + 1, now_slot + 1)
    return sum(1 for slot in span if owner(slot, chain.producers) != producer)


def witness_behind(facts: Facts, apart_from: str, slot: int) -> bool:
    """Whether another member than this one has a block of `slot` or later: then the witness is cut off, not
    the member."""
    return any(
        node.name != apart_from and node.head_slot is not None and node.head_slot >= slot
        for node in facts.nodes
    )


def witness_lags(facts: Facts) -> str | None:
    """How far the witness is behind a member's head, in words; None while both see the same chain."""
    chain = facts.chain
    if chain is None:
        return None
    ahead = max((node.head_slot or 0) - chain.head_slot for node in facts.nodes)
    if ahead <= FRESH_SLOTS:
        return None
    return f"the best witness is {ahead} slots behind our nodes: what it shows of our window may be old"


def last_own_block(chain: ChainFact, producer: str) -> int | None:
    """Slot of our newest block in the view."""
    return max((slot for slot, block in chain.blocks.items() if block.producer == producer), default=None)


def windows_between(chain: ChainFact, producer: str, first: int, last: int) -> list[Window]:
    """Our windows that overlap a span of slots, oldest first."""
    found: list[Window] = []
    window = window_of(last, chain.producers)
    if window.producer != producer:
        earlier = previous_window(producer, last, chain.producers)
        if earlier is None:
            return []
        window = earlier
    while window.last_slot >= first:
        found.insert(0, window)
        earlier = previous_window(producer, window.first_slot, chain.producers)
        if earlier is None:
            break
        window = earlier
    return found
