"""What survives a crash of the actuator: the group's state, steps, sightings."""

from dataclasses import dataclass

from actuator.facts import NodeFact, StepFact
from actuator.failover.state import GroupState, Notice, Order, Outcome
from actuator.lease import TTL
from actuator.step import FINAL, State


@dataclass(slots=True)
class Row:
    """One control step."""

    key: str
    epoch: int
    order: Order
    planned_at: float
    state: State = State.PLANNED
    finished_at: float | None = None
    detail: str = ""
    evidence: str = ""
    sent: int = 0
    """How often its call went out: at most once."""

    @property
    def fact(self) -> StepFact:
        """As the decision sees it."""
        return StepFact(
            self.order.name, self.order.node, self.state, self.finished_at, self.detail, self.evidence
        )


class SimLedger:
    """The rows of one group. Every method is one committed transaction."""

    def __init__(self, state: GroupState) -> None:
        self.state = state
        self._written: GroupState | None = None
        self._read = state
        self.rows: dict[str, Row] = {}
        self.epochs: dict[int, list[Row]] = {}
        self.sightings: dict[str, NodeFact] = {}
        """What was seen of the members that a restart must not forget."""
        self.notices: dict[str, Notice] = {}
        self.ended: list[Outcome] = []
        self.facts: tuple[StepFact, ...] | None = None
        self.leader = ""
        self.leased_until = 0.0
        self.out_of_reach: set[str] = set()
        """Actuators that cannot get at the ledger."""

    def take(self, owner: str, now: float) -> bool:
        """As lease.take: whether the lease is the owner's now. `now` is the ledger's own clock."""
        if owner in self.out_of_reach or (self.leader not in ("", owner) and now < self.leased_until):
            return False
        self.leader, self.leased_until = owner, now + TTL
        return True

    def held(self, owner: str, now: float) -> bool:
        """As Leadership.confirm."""
        return owner not in self.out_of_reach and self.leader == owner and now < self.leased_until

    def apply(
        self, state: GroupState, orders: tuple[Order, ...], notices: tuple[Notice, ...], now: float
    ) -> None:
        """Write a decision down: state, steps, messages; an older epoch's unclaimed steps are skipped."""
        if state.epoch != self.state.epoch:
            for row in self.epochs.get(self.state.epoch, []):
                if row.state is State.PLANNED:
                    row.state, row.finished_at, row.detail = State.SKIPPED, now, "superseded"
        self.state = state
        self.facts = None
        for order in orders:
            key = f"{state.epoch}/{order.name}/{order.node}"
            if key not in self.rows:
                row = Row(key, state.epoch, order, now)
                self.rows[key] = row
                self.epochs.setdefault(state.epoch, []).append(row)
        for notice in notices:
            self.notices.setdefault(notice.key, notice)

    def saw(self, nodes: tuple[NodeFact, ...]) -> None:
        """Remember when members answered, and that their last irreversible block moved."""
        for node in nodes:
            if node.answered_at is not None:
                self.sightings[node.name] = NodeFact(
                    node.name,
                    answered_at=node.answered_at,
                    lib_num=node.lib_num,
                    lib_moved_at=node.lib_moved_at,
                )

    def claim(self, now: float) -> list[Row]:
        """All planned steps whose target is free; they are executing from here on."""
        busy = {row.order.node for row in self.rows.values() if row.state is State.EXECUTING}
        claimed = []
        for row in self.rows.values():
            if row.state is not State.PLANNED or row.order.node in busy:
                continue
            late = row.order.not_after is not None and now > row.order.not_after
            if late or row.epoch != self.state.epoch:
                self.finish(row, State.SKIPPED, "too late or superseded", now)
                continue
            row.state = State.EXECUTING
            busy.add(row.order.node)
            claimed.append(row)
        self.facts = None
        return claimed

    def finish(self, row: Row, state: State, detail: str, now: float, evidence: str = "") -> None:
        """A receipt."""
        row.state, row.detail, row.finished_at, row.evidence = state, detail, now, evidence
        self.facts = None

    def steps(self) -> tuple[StepFact, ...]:
        """Steps of the current epoch as the decision sees them."""
        if self.facts is None:
            self.facts = tuple(row.fact for row in self.epochs.get(self.state.epoch, []))
        return self.facts

    def unfinished(self) -> list[Row]:
        """Steps that a crash left executing."""
        return [row for row in self.rows.values() if row.state is State.EXECUTING]

    def restored(self) -> GroupState:
        """The state as a starting actuator reads it; one that does not lead reads it at every look."""
        if self._written is not self.state:
            self._written, self._read = self.state, GroupState.from_json(self.state.to_json())
        return self._read

    def open_steps(self) -> bool:
        """Whether anything is still planned or executing."""
        return any(row.state not in FINAL for row in self.rows.values())
