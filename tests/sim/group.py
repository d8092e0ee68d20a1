"""A group A, B, C on its chain with an actuator, and everything that can happen to them."""

from collections.abc import Sequence
from random import Random

from actuator.facts import NodeFact
from actuator.failover.machine import Phase
from actuator.failover.state import Asked, Automation, GroupState, Policy, Request
from nodekit.slots import EPOCH, SLOT_SECONDS, round_slots, slot_time
from tests.sim.actuator import Actuator
from tests.sim.chain import KEY, OURS, Chain, Node, producers_of
from tests.sim.engine import Engine
from tests.sim.ledger import SimLedger
from tests.sim.network import Link, Network
from tests.sim.referee import Referee
from tests.sim.sight import Witness

NAMES = ("A", "B", "C")


class Group:
    """The whole world of one story. Moments are seconds after the story's first slot."""

    def __init__(
        self,
        seed: int,
        *,
        producers: int = 4,
        place: int | None = None,
        phase: float = 0.0,
        rtt: Sequence[float] = (0.001, 0.001, 0.001),
        loss: Sequence[float] = (0.0, 0.0, 0.0),
        starts_paused: Sequence[bool] = (True, True, True),
        witnesses: int = 1,
        skew: float = 0.0,
        state: GroupState | None = None,
        policy: Policy | None = None,
        talk: bool = False,
    ) -> None:
        rng = self.rng = Random(seed)
        schedule = producers_of(producers, producers - 1 if place is None else place)
        first = round_slots(schedule) * 1000
        self.start = slot_time(first) - SLOT_SECONDS
        self.engine = Engine(self.start + phase)
        self.nodes = [
            Node(name, paused=name != "A", starts_paused=fenced)
            for name, fenced in zip(NAMES, starts_paused, strict=False)
        ]
        self.by_name = {node.name: node for node in self.nodes}
        self.links = {node.name: Link(rtt[i], False, loss[i]) for i, node in enumerate(self.nodes)}
        self.chain = Chain(schedule, first, self.nodes, rng)
        self.chain.advance(self.engine.now)
        members = tuple(node.name for node in self.nodes)
        self.policy = policy or Policy(
            group="bp", producer=OURS, members=members, public_key=KEY, cooldown=60.0
        )
        since = self.start - 3600.0
        self.state = state or GroupState(Phase.STEADY, epoch=4, holder="A", since=since)
        self.ledger = SimLedger(self.state)
        self.ledger.sightings = dict.fromkeys(members, self.engine.now - 1.0)
        self.referee = Referee(self.engine, self.chain, self.nodes, self.ledger, talk=talk)
        self.referee.reachable = {name: link.loss == 0.0 for name, link in self.links.items()}
        self.network = Network(self.engine, self.chain, self.links, rng, self._effect)
        self.witnesses = [Witness(f"w{number}") for number in range(witnesses)]
        self.actuator = Actuator(
            self.engine,
            self.network,
            self.ledger,
            self.policy,
            self.nodes,
            self.witnesses,
            self.referee,
            skew,
        )
        self.actuator.begin(self.state)
        self._warm_up()

    def _warm_up(self) -> None:
        """The eyes have been looking for long: the last irreversible block moved lately, peers are known."""
        now = self.actuator.clock()
        for eye in self.actuator.sight.members.values():
            eye.fact = NodeFact(
                eye.node.name, lib_num=0, lib_moved_at=now - 1.0, answered_at=now - 1.0,
                starts_paused=eye.node.starts_paused,
            )  # fmt: skip

    # --- time -------------------------------------------------------------------------------------

    @property
    def record(self):  # type: ignore[no-untyped-def]
        """What happened so far."""
        return self.referee.record

    def run(self, until: float) -> None:
        """Let time pass to a moment of the story."""
        self.engine.run(self.start + until)
        self.chain.advance(self.engine.now)

    def at(self, moment: float, name: str, *arguments: object) -> None:
        """Let something happen (a method of this class) at a moment."""
        self.engine.at(self.start + moment, self._happen, name, arguments)

    def _happen(self, name: str, arguments: tuple[object, ...]) -> None:
        self.chain.advance(self.engine.now)
        self.referee.say(f"* {name} {' '.join(map(str, arguments))}")
        getattr(self, name)(*arguments)

    # --- what an actuator's call does ----------------------------------------------------------------

    def _effect(self, node: Node, verb: str) -> None:
        self.chain.advance(self.engine.now)
        self._set_paused(node, verb == "pause", "us")
        self.referee.effect(node, verb)
        if not node.queue:
            self.referee.settled(node)

    def _set_paused(self, node: Node, paused: bool, by: str) -> None:
        if node.paused == paused:
            return
        node.paused = paused
        if paused:
            node.paused_at = self.engine.now
        else:
            node.active_by, node.active_since = by, self.engine.now
            self.chain.catch_up(node, self.engine.now)

    # --- nodes --------------------------------------------------------------------------------------

    def kill(self, name: str) -> None:
        """kill -9: the process is gone at once."""
        node = self.by_name[name]
        if not node.alive:
            return
        node.process = "down"
        node.fresh = False
        calls, node.queue = node.queue, []
        for _, call in calls:
            call()  # the connection breaks
        self.chain.leave(node)
        if not self.links[name].down:
            eye = self.actuator.sight.members.get(name)
            if eye is not None:
                eye.tripped()

    def launch(self, name: str, ready_in: float = 1.0, synced_in: float = 1.0) -> None:
        """Start a process that is down: connections are refused until it is ready."""
        node = self.by_name[name]
        if node.process != "down":
            return
        node.process = "starting"
        self.engine.after(ready_in, self._happen, "ready", (name, synced_in))

    def ready(self, name: str, synced_in: float) -> None:
        """HTTP listens, production is as the start options say; pauses of before are forgotten."""
        node = self.by_name[name]
        if node.process != "starting":
            return
        node.process, node.up_since = "up", self.engine.now
        node.paused, node.paused_at = node.starts_paused, 0.0
        if not node.paused:
            node.active_by, node.active_since = "restart", self.engine.now
        self._follow_in(node, synced_in)

    def restart(self, name: str, ready_in: float = 1.0, synced_in: float = 1.0) -> None:
        """Stop and start."""
        self.kill(name)
        self.launch(name, ready_in, synced_in)

    def hang(self, name: str) -> None:
        """SIGSTOP."""
        node = self.by_name[name]
        if node.process == "up":
            node.process, node.hung_at = "hung", self.engine.now
            self.chain.leave(node)

    def wake(self, name: str, synced_in: float = 1.0) -> None:
        """SIGCONT: queued calls are executed in order, then it finds back to the chain."""
        node = self.by_name[name]
        if node.process != "hung":
            return
        node.process = "up"
        while node.queue:
            node.queue.pop(0)[1]()
        self.referee.settled(node)
        self._follow_in(node, synced_in)

    def cut(self, name: str) -> None:
        """No peer reaches it any more; its HTTP answers as ever."""
        node = self.by_name[name]
        node.linked = False
        self.chain.leave(node)

    def mend(self, name: str, synced_in: float = 1.0) -> None:
        """Peers are back."""
        node = self.by_name[name]
        node.linked = True
        self._follow_in(node, synced_in)

    def _follow_in(self, node: Node, seconds: float) -> None:
        self.engine.after(seconds, self._happen, "follow", (node.name,))

    def follow(self, name: str) -> None:
        """It has caught up with the network's chain."""
        node = self.by_name[name]
        if node.process == "up" and node.linked:
            node.following = node.fresh = True
            node.own_head = None

    # --- the way to a node, witnesses, the chain ----------------------------------------------------

    def partition(self, name: str) -> None:
        """Nothing gets through between the actuator and a node."""
        self.links[name].down = True
        self.referee.reachable[name] = False

    def heal(self, name: str) -> None:
        """Calls get through again."""
        self.links[name].down = False
        self.referee.reachable[name] = self.links[name].loss == 0.0

    def blind(self, number: int) -> None:
        """A witness does not answer."""
        self.witnesses[number % len(self.witnesses)].reachable = False

    def sighted(self, number: int) -> None:
        """It answers again, with the chain in view."""
        witness = self.witnesses[number % len(self.witnesses)]
        witness.reachable = witness.linked = True

    def strand(self, number: int) -> None:
        """A witness answers, but sees no new blocks."""
        self.witnesses[number % len(self.witnesses)].linked = False

    def stall(self) -> None:
        """Nobody's blocks get anywhere."""
        self.chain.stalled = True

    def flow(self) -> None:
        """The chain goes on."""
        self.chain.stalled = False

    def schedule(self, *producers: str, key: str | None = None) -> None:
        """Another schedule becomes active."""
        chain = self.chain
        chain.producers = tuple(producers)
        chain.keys = chain.keys if key is None else (key,)
        chain.version += 1
        chain.changing = None
        chain.changed_at = self.engine.now if self.referee.schedule_against_us() else None

    def new_key(self) -> None:
        """The active schedule names another key for us than our nodes have."""
        self.schedule(*self.chain.producers, key="OTHER")

    # --- people -------------------------------------------------------------------------------------

    def operator(self, verb: str, name: str) -> None:
        """Somebody pauses or resumes a node by hand."""
        node = self.by_name[name]
        if node.process == "up":
            self._set_paused(node, verb == "pause", "operator")

    def switchover(self, to: str, request: str = "r1") -> None:
        """Somebody asks for a planned switchover."""
        self.actuator.ask(Asked(switchover=Request(request, to, "alice", self.actuator.clock())))

    def release(self) -> None:
        """Somebody hands a latched group back."""
        self.referee.hands_off.clear()
        self.actuator.ask(Asked(release="alice"))

    def automation(self, mode: str) -> None:
        """The configuration says otherwise from now on."""
        self.actuator.policy = Policy(
            **{
                **{name: getattr(self.policy, name) for name in self.policy.__dataclass_fields__},
                "automation": Automation(mode),
            }
        )

    def crash(self, back_after: float = 1.0) -> None:
        """kill -9 of the actuator; it is started again."""
        self.actuator.die()
        self.engine.after(back_after, self.actuator.boot)

    def repair(self) -> None:
        """Everything that broke works again; nobody undoes what people did."""
        for node in self.nodes:
            self.heal(node.name)
            self.links[node.name].loss = 0.0
            self.launch(node.name)
            self.wake(node.name)
            if not node.linked:
                self.mend(node.name)
        for number in range(len(self.witnesses)):
            self.sighted(number)
        self.flow()

    # --- truth --------------------------------------------------------------------------------------

    def producing(self) -> list[str]:
        """Members that produce for the network."""
        return [
            node.name
            for node in self.nodes
            if node.process == "up" and not node.paused and node.fresh and node.linked
        ]

    def window(self, number: int) -> str:
        """Our n-th window of the story as makers, `.` for an empty slot."""
        slots = sorted(self.record.strip)
        windows = sorted({slot - slot % 12 for slot in slots})
        first = windows[number]
        return " ".join(self.record.strip.get(slot, "?") for slot in range(first, first + 12)).replace(
            " ", ""
        )

    def slots_since_start(self) -> float:
        """The story's age in slots."""
        return (self.engine.now - EPOCH) / SLOT_SECONDS
