"""Everything that can happen to a group, each as a method that a story names."""

from dataclasses import replace

from actuator.failover.state import Asked, Automation, Hold, Request
from tests.sim.chain import LIB_LAG, Node
from tests.sim.world import World

KEPT_IN = 0.25
"""Seconds after which an agent sees what its node does after a start."""


class Group(World):
    """A world in which things happen. Every method is one happening, now."""

    # --- processes ----------------------------------------------------------------------------------

    def kill(self, name: str) -> None:
        """kill -9: the process is gone at once."""
        node = self.by_name[name]
        if node.process in ("down", "starting"):
            return
        node.process, node.fresh = "down", False
        calls, node.queue = node.queue, []
        for _, call in calls:
            call()  # the connection breaks
        node.bad.setdefault("stale", self.engine.now)
        self.chain.leave(node)
        self._wire_breaks(name)

    def _wire_breaks(self, name: str) -> None:
        for actuator in self.actuators:
            eye = actuator.sight.members.get(name)
            if eye is not None and not self.links[name].down:
                eye.tripped()

    def stop(self, name: str, seconds: float = 0.8) -> None:
        """SIGTERM: HTTP is closed at once, production goes on for a moment."""
        node = self.by_name[name]
        if node.process == "up":
            node.process = "stopping"
            self._wire_breaks(name)
            self.engine.after(seconds, self.happen, "kill", (name,))

    def launch(self, name: str, ready_in: float = 1.0, synced_in: float = 1.0) -> None:
        """Start a process that is down: connections are refused until it is ready."""
        node = self.by_name[name]
        if node.process == "down":
            node.process = "starting"
            self.engine.after(ready_in, self.happen, "ready", (name, synced_in))

    def ready(self, name: str, synced_in: float) -> None:
        """HTTP listens, production is as the start options say; pauses of before are forgotten."""
        node = self.by_name[name]
        if node.process != "starting":
            return
        node.process, node.up_since = "up", self.engine.now
        node.paused, node.paused_at = node.starts_paused, 0.0
        if not node.paused:
            node.active_by, node.active_since = "restart", self.engine.now
            if node.kept:
                self.engine.after(KEPT_IN, self.happen, "keep", (name,))
        self._follow_in(node, synced_in)

    def unfence(self, name: str) -> None:
        """The next start is from a configuration without `pause-on-startup`."""
        self.by_name[name].starts_paused = False

    def keep(self, name: str) -> None:
        """Its agent pauses it again: it was started against its fence."""
        node = self.by_name[name]
        if node.process == "up" and node.kept and node.active_by == "restart":
            self.set_paused(node, paused=True, by="agent")

    def restart(self, name: str, ready_in: float = 1.0, synced_in: float = 1.0) -> None:
        """Kill and start."""
        self.kill(name)
        self.launch(name, ready_in, synced_in)

    def hang(self, name: str) -> None:
        """SIGSTOP."""
        node = self.by_name[name]
        if node.process == "up":
            node.process = "hung"
            node.bad.setdefault("stale", self.engine.now)
            self.chain.leave(node)

    def wake(self, name: str, synced_in: float = 1.0) -> None:
        """SIGCONT: queued calls are executed in order, then it finds back to the chain."""
        node = self.by_name[name]
        if node.process != "hung":
            return
        node.process, node.woke_at = "up", self.engine.now
        while node.queue:
            node.queue.pop(0)[1]()
        self.referee.settled(node)
        self._follow_in(node, synced_in)

    def deafen(self, name: str) -> None:
        """Its HTTP refuses connections, its production goes on (a proxy that restarts, a firewall)."""
        self.by_name[name].deaf = True
        self._wire_breaks(name)

    def hear(self, name: str) -> None:
        """Its HTTP is back."""
        self.by_name[name].deaf = False

    def mute(self, name: str) -> None:
        """It is unpaused and in sync, and makes no block (a wrong key, a full disk)."""
        self.by_name[name].mute = True

    def unmute(self, name: str) -> None:
        """It makes blocks again."""
        self.by_name[name].mute = False

    # --- its peers ------------------------------------------------------------------------------------

    def cut(self, name: str) -> None:
        """No peer reaches it any more; its HTTP answers as ever."""
        node = self.by_name[name]
        node.linked = False
        node.bad.setdefault("cut", self.engine.now)
        self.chain.leave(node)

    def mend(self, name: str, synced_in: float = 1.0) -> None:
        """Peers are back."""
        node = self.by_name[name]
        node.linked = True
        node.bad.pop("cut", None)
        node.bad.setdefault("stale", self.engine.now)
        self._follow_in(node, synced_in)

    def _follow_in(self, node: Node, seconds: float) -> None:
        self.engine.after(seconds, self.happen, "follow", (node.name,))

    def follow(self, name: str) -> None:
        """It has caught up with the network's chain."""
        node = self.by_name[name]
        if node.process == "up" and node.linked:
            node.following = node.fresh = True
            node.own_head = None
            node.bad.pop("stale", None)

    def stray(self, name: str) -> None:
        """It follows a fork that others extend too: its head looks fresh."""
        node = self.by_name[name]
        node.astray = True
        node.bad.setdefault("astray", self.engine.now)

    def stick(self, name: str) -> None:
        """Its last irreversible block does not move any more, its head does."""
        node = self.by_name[name]
        node.lib_at = self.network_lib()
        node.bad.setdefault("stuck", self.engine.now)

    def network_lib(self) -> int:
        """Where the network's last irreversible block is."""
        return self.chain.head.num - LIB_LAG

    # --- the way to a node, witnesses, the chain ------------------------------------------------------

    def partition(self, name: str) -> None:
        """Nothing gets through between the actuator and a node."""
        self.links[name].down = True

    def heal(self, name: str) -> None:
        """Calls get through again."""
        self.links[name].down = False
        self.links[name].healed_at = self.engine.now

    def blind(self, number: int = 0) -> None:
        """A witness does not answer."""
        self.witnesses[number % len(self.witnesses)].reachable = False
        if not any(witness.reachable for witness in self.witnesses):
            self.referee.blind_since = self.engine.now
        self.referee.sighted_since = float("inf")

    def strand(self, number: int = 0) -> None:
        """A witness answers, but sees no new blocks."""
        self.witnesses[number % len(self.witnesses)].linked = False
        self.referee.sighted_since = float("inf")

    def sighted(self, number: int = 0) -> None:
        """It answers again, with the chain in view."""
        witness = self.witnesses[number % len(self.witnesses)]
        witness.reachable = witness.linked = True
        self.referee.sighted_since, self.referee.blind_since = self.engine.now, None

    def stall(self) -> None:
        """Nobody's blocks get anywhere."""
        self.chain.stall(self.engine.now)

    def flow(self) -> None:
        """The chain goes on."""
        self.chain.stalled_since = None

    def announce(self, text: str) -> None:
        """A schedule that changes something for us is pending."""
        self.chain.announce(text, self.engine.now)

    def schedule(self, *producers: str) -> None:
        """Another schedule becomes active."""
        self.chain.turn(tuple(producers), self.chain.keys, self.engine.now)

    def new_key(self, key: str = "OTHER") -> None:
        """The active schedule names another key for us than our nodes have."""
        self.chain.turn(self.chain.producers, (key,), self.engine.now)

    # --- people ---------------------------------------------------------------------------------------

    def operator(self, verb: str, name: str) -> None:
        """Somebody pauses or resumes a node by hand."""
        node = self.by_name[name]
        if node.process == "up":
            node.kept = node.kept and verb == "pause"  # a resume by hand ends the fence
            was = node.paused
            self.set_paused(node, verb == "pause", "operator")
            if node.paused != was:  # a pause of what is paused is seen by nobody
                self.referee.by_hand(node, verb)

    def switchover(self, to: str, not_before: float = 0.0, request: str = "r1") -> None:
        """Somebody asks for a switchover, at once or for later (seconds after the first slot)."""
        due = self.start + not_before if not_before else 0.0
        self.referee.consent()
        self.leader.ask(Asked(switchover=Request(request, to, "alice", self.leader.clock(), due)))

    def release(self) -> None:
        """Somebody hands a latched group back."""
        self.referee.consent()
        self.leader.ask(Asked(release="alice"))

    def hold(self, name: str, seconds: float) -> None:
        """Somebody keeps a node, or the whole group (`*`), from being moved."""
        until = self.leader.clock() + seconds
        self.leader.ask(Asked(hold=Hold(name, until, "maintenance", "alice")))
        if self.leader.up and self.leader.name not in self.ledger.out_of_reach:
            self.referee.held(name, self.engine.now + seconds)

    def automation(self, mode: str) -> None:
        """The configuration says otherwise from now on."""
        for actuator in self.actuators:
            actuator.policy = replace(actuator.policy, automation=Automation(mode))
        self.referee.ruled(Automation(mode))

    def crash(self, back_after: float = 1.0) -> None:
        """kill -9 of the actuator; it is started again."""
        victim = self.leader
        victim.die()
        self.engine.after(back_after, victim.boot)

    def ledgerless(self, seconds: float) -> None:
        """The leading actuator cannot get at the shared ledger for a while."""
        if self.twin is not None:
            name = self.leader.name
            self.ledger.out_of_reach.add(name)
            self.engine.after(seconds, self.ledger.out_of_reach.discard, name)

    def repair(self) -> None:
        """Everything that broke works again; nobody undoes what people did."""
        for node in self.nodes:
            self.heal(node.name)
            self.links[node.name].loss = 0.0
            self.launch(node.name)
            self.wake(node.name)
            self.unmute(node.name)
            self.hear(node.name)
            node.astray, node.lib_at = False, None
            node.bad.pop("astray", None)
            node.bad.pop("stuck", None)
            if not node.linked:
                self.mend(node.name)
        for number in range(len(self.witnesses)):
            self.sighted(number)
        self.flow()
