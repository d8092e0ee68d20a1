"""A real Antelope chain on loopback: the other producers in one node, ours in several."""

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Self

from lab.binaries import antelope
from lab.load import Load
from lab.node import Node, NodeSpec
from lab.packing import OUR_KEY, WORLD_KEY, Action, new_account, schedule_contract, set_code, set_producers
from lab.server import ServerError, poll
from lab.wallet import Wallet
from nodekit.http import HttpError
from nodekit.slots import round_slots

MAX_PRODUCERS = 21
IN_SYNC = 2
"""Blocks that a node in sync may be behind: what travels at the moment."""

GENESIS_LIMITS = {
    "max_block_net_usage": 1_048_576,
    "target_block_net_usage_pct": 1000,
    "max_transaction_net_usage": 524_288,
    "base_per_transaction_net_usage": 12,
    "net_usage_leeway": 500,
    "context_free_discount_net_usage_num": 20,
    "context_free_discount_net_usage_den": 100,
    "max_block_cpu_usage": 400_000,
    "target_block_cpu_usage_pct": 1000,
    "max_transaction_cpu_usage": 350_000,
    "min_transaction_cpu_usage": 100,
    "max_transaction_lifetime": 3600,
    "deferred_trx_expiration_window": 600,
    "max_transaction_delay": 3_888_000,
    "max_inline_action_size": 4096,
    "max_inline_action_depth": 4,
    "max_authority_depth": 6,
}
"""The defaults of Antelope's `genesis_state`, which a genesis file has to spell out."""


class Chain:
    """`producers` scheduled names: ours on every member, with one key, the others on `world`.

    Members named in `paused` start with `--pause-on-startup`; the others produce. `extra` holds
    further nodeos arguments by node name. A round takes `producers` x 6 s.
    """

    def __init__(
        self,
        root: Path,
        producers: int = 4,
        ours: str = "eosstorebest",
        members: Sequence[str] = ("A", "B", "C"),
        paused: Sequence[str] = ("B", "C"),
        extra: Mapping[str, Sequence[str]] | None = None,
    ) -> None:
        if not 2 <= producers <= MAX_PRODUCERS:
            raise ValueError(f"a chain of {producers} producers: write 2 to {MAX_PRODUCERS}")
        others = tuple(f"bp{letter * 10}" for letter in "abcdefghijklmnopqrst"[: producers - 1])
        self.root = root
        self.ours = ours
        self.schedule: tuple[str, ...] = tuple(sorted((*others, ours)))
        """Producers in turn order; equal to the active schedule once `start` returned."""
        self._extra = extra or {}
        self._antelope = antelope()
        self._load: Load | None = None
        self.world = self._node(NodeSpec("world", ("eosio", *others), WORLD_KEY, starts_chain=True))
        self.members = {name: self._node(NodeSpec(name, (ours,), OUR_KEY)) for name in members}
        for name in paused:
            self.members[name].start_paused = True
        self.wallet = Wallet(self._antelope, self.world, root)
        self._mesh()

    def __getitem__(self, name: str) -> Node:
        """A member by name, or `world`."""
        return self.world if name == self.world.name else self.members[name]

    @property
    def nodes(self) -> tuple[Node, ...]:
        """The world node, then the members."""
        return (self.world, *self.members.values())

    def start(self) -> None:
        """Start all nodes and set the schedule; returns when it is active and all are in sync (1.5 s).

        Raises ServerError when a node does not start or the schedule does not become active.
        """
        try:
            self._start()
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """Stop the transactions and all nodes."""
        if self._load is not None:
            self._load.stop()
            self._load = None
        for node in reversed(self.nodes):
            node.close()

    def load(self, rate: float = 6.0) -> Load:
        """Send `rate` transactions a second until the chain stops, so that blocks have content.

        On an idle chain two nodes that produce the same slot make the identical block: same parent,
        same content, deterministic signature.
        """
        if self._load is None:
            self._load = Load(self.wallet, rate)
            self._load.start()
        return self._load

    def in_sync(self) -> bool:
        """Whether all running members follow the world's chain; False when one does not answer."""
        try:
            return all(self.follows(node) for node in self.members.values() if node.running)
        except HttpError:
            return False

    def follows(self, node: Node) -> bool:
        """Whether a node is on the world's chain, at most IN_SYNC blocks behind. Raises HttpError."""
        height = self.world.info().head_num - IN_SYNC
        if node.info().head_num < height:
            return False
        return node.reader.block(height).id == self.world.reader.block(height).id

    def settled(self) -> bool:
        """Whether the schedule's first round is irreversible: from then on that moves with every turn.

        Before, it moves once by a few blocks and then stands still for more than a round and a half
        (measured: from 84 s to 288 s with 21 producers). Raises HttpError.
        """
        return self.world.info().lib_num > round_slots(self.schedule)

    def active_schedule(self) -> tuple[str, ...]:
        """Producers in turn order as the world's head has them."""
        return self.world.reader.schedules().active.producers

    def _start(self) -> None:
        self.root.mkdir(parents=True, exist_ok=True)
        self._write_genesis()
        self.world.start()
        for actions in self._bootstrap():
            self.wallet.push(*actions)
        for node in self.members.values():
            node.launch()
        if not poll(lambda: self.active_schedule() == self.schedule, 10.0):
            raise ServerError(f"the schedule did not become active\n{self.world.log_tail()}")
        for node in self.members.values():
            node.await_ready()
        if not poll(self.in_sync, 20.0):
            raise ServerError("the nodes did not get in sync within 20 s")

    def _bootstrap(self) -> list[list[Action]]:
        """Three transactions: a contract that can set a schedule, the accounts, the schedule."""
        keys = [(name, OUR_KEY if name == self.ours else WORLD_KEY) for name in self.schedule]
        return [
            [set_code(schedule_contract())],
            [new_account(name, key) for name, key in keys],
            [set_producers(keys)],
        ]

    @property
    def _genesis(self) -> Path:
        return self.root / "genesis.json"

    def _write_genesis(self) -> None:
        """Begin two seconds ago, so that the first block is due at once."""
        begin = datetime.now(UTC).replace(tzinfo=None, microsecond=0) - timedelta(seconds=2)
        content = {
            "initial_timestamp": begin.isoformat(timespec="milliseconds"),
            "initial_key": WORLD_KEY.public,
            "initial_configuration": GENESIS_LIMITS,
        }
        self._genesis.write_text(json.dumps(content))

    def _node(self, spec: NodeSpec) -> Node:
        extra = tuple(self._extra.get(spec.name, ()))
        made = NodeSpec(spec.name, spec.producers, spec.key, spec.starts_chain, extra)
        return Node(made, self.root / spec.name, self._antelope, self._genesis)

    def _mesh(self) -> None:
        """Every node dials those before it, which gives each pair one link."""
        for position, node in enumerate(self.nodes):
            for earlier in self.nodes[:position]:
                node.dials.append(earlier)
                earlier.dialled_by.append(node)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()
