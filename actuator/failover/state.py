"""PURE: the values that a failover decision takes and gives."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from enum import StrEnum
from typing import Any

from actuator.failover.machine import Phase
from actuator.step import Refusal


class Automation(StrEnum):
    """What a group may do by itself."""

    ON = "on"
    SHADOW = "shadow"
    OFF = "off"


class Kind(StrEnum):
    """Why a plan exists."""

    TAKEOVER = "takeover"
    SWITCHOVER = "switchover"
    RESTORE = "restore"
    """The holder came back paused from a restart: resume it."""
    SEPARATION = "separation"
    """Two members were active: pause all but one."""


class Trouble(StrEnum):
    """What an incident began with; the `cause` of what it cost."""

    CRASH = "crash"
    HANG = "hang"
    SILENT = "not_producing"
    LOST = "unreachable"
    RESTART = "restart"
    TWO_ACTIVE = "two_active"
    ASKED = "switchover"


@dataclass(frozen=True, slots=True)
class Policy:
    """A group's configuration as far as decisions need it; durations in seconds."""

    group: str
    producer: str
    members: tuple[str, ...]
    """In order of preference."""
    automation: Automation = Automation.ON
    bounded: bool = False
    """An unreachable member may count as fenced while witnesses see that nobody produces for us."""
    on_alert: bool = False
    """A takeover needs an alert that asked for it; two active members are separated without one."""
    public_key: str | None = None
    gone_after: float = 2.0
    poll_timeout: float = 1.0
    proxied: frozenset[str] = frozenset()
    """Members reached through a proxy: what its kernel acknowledges is not at the node yet."""
    guard: float = 3.0
    cooldown: float = 1800.0
    per_day: int = 2


@dataclass(frozen=True, slots=True)
class Request:
    """An operator's wish to move production to a node."""

    id: str
    to: str
    requested_by: str
    asked_at: float
    not_before: float = 0.0
    """Unix seconds; the first gap after it is used."""


@dataclass(frozen=True, slots=True)
class Hold:
    """An operator keeps a node, or the whole group, from being moved by automation."""

    node: str
    """The member that must not be resumed; `*` for the group: it does nothing by itself."""
    until: float
    reason: str
    by: str


@dataclass(frozen=True, slots=True)
class Plan:
    """What a group is doing. `target` becomes the holder when all goes well."""

    kind: Kind
    cause: str
    source: str | None
    target: str
    requested_by: str
    started_at: float
    since: float
    """When the trouble began: slots from here on are the incident's cost."""
    trouble: Trouble = Trouble.ASKED
    deadline: float | None = None
    """A switchover that is not through by then gives production back."""
    resumed_at: float | None = None
    tried: tuple[str, ...] = ()
    request: str | None = None
    wanted: str = ""
    """The target that was meant first; another one in `target` means that it failed."""
    unheard: bool = False
    """The source did not answer when the plan began; should it answer, active, all is well again."""
    first_epoch: int = 0
    """The epoch that the incident began with; retries and restarts raise the epoch."""
    source_since: float | None = None
    """When we resumed the source; blocks before that are another's. None: not by us, or long ago."""


@dataclass(frozen=True, slots=True)
class GroupState:
    """A group's durable state: written to the ledger in the transaction that plans the steps."""

    phase: Phase = Phase.OBSERVING
    epoch: int = 0
    holder: str | None = None
    since: float = 0.0
    """When the phase was entered."""
    plan: Plan | None = None
    latch: str | None = None
    operator_latch: bool = False
    takeovers: tuple[float, ...] = ()
    """When automatic takeovers ended; older than a day are forgotten."""
    observe_until: float | None = None
    holds: tuple[Hold, ...] = ()
    scheduled: Request | None = None
    """A switchover for later; a new one replaces it."""
    owing: tuple[str, ...] = ()
    """Members that were fenced by a pause that waits at them: asked again until they read paused."""
    lost: tuple[str, ...] = ()
    """Of them, those that nothing reached (mode `bounded`): should they produce, the holder stops."""
    holder_active_at: float | None = None
    """When the holder was last seen active; not durable on its own."""
    resumed: str | None = None
    """The node that the last incident resumed, at `resumed_at`."""
    resumed_at: float | None = None

    def to_json(self) -> dict[str, Any]:
        """JSON value for the ledger."""
        return asdict(self)

    @staticmethod
    def from_json(raw: Mapping[str, Any]) -> "GroupState":
        """The value that `to_json` gave."""
        plan = raw.get("plan")
        known = {
            **raw,
            "phase": Phase(raw["phase"]),
            "takeovers": tuple(raw["takeovers"]),
            "owing": tuple(raw["owing"]),
            "lost": tuple(raw.get("lost", ())),
            "holds": tuple(Hold(**hold) for hold in raw["holds"]),
            "scheduled": None if raw["scheduled"] is None else Request(**raw["scheduled"]),
        }
        if plan is not None:
            kind, trouble = Kind(plan["kind"]), Trouble(plan.get("trouble", Trouble.ASKED))
            known["plan"] = Plan(**{**plan, "kind": kind, "trouble": trouble, "tried": tuple(plan["tried"])})
        return GroupState(**known)


class Verb(StrEnum):
    """What a failover step does to a node."""

    PAUSE = "pause"
    RESUME = "resume"


@dataclass(frozen=True, slots=True)
class Order:
    """A step that the decision wants: `name` (`pause.2`) is unique for the node within the epoch."""

    name: str
    node: str
    verb: Verb
    reason: str
    not_after: float | None = None
    timeout: float = 1.0
    """Seconds to wait for the node's answer."""


class NoticeKind(StrEnum):
    """What operators are told."""

    STARTED = "started"
    VERIFIED = "verified"
    ABORTED = "aborted"
    BLOCKED = "blocked"
    LATCHED = "latched"
    UNFENCED = "unfenced"
    TWO_ACTIVE = "two_active"
    WOULD = "would"
    DROPPED = "dropped"
    """A scheduled switchover that could not be begun when its time came."""
    IDLE = "idle"
    """Nobody produces for us, and automation may not change that."""


@dataclass(frozen=True, slots=True)
class Moment:
    """One thing that happened in an incident: unix seconds, the slot that was due then, words."""

    at: float
    slot: int
    what: str


@dataclass(frozen=True, slots=True)
class Certificate:
    """What a finished incident cost, by the witness's chain. Slots are slot numbers."""

    trouble: Trouble
    missed: tuple[int, ...]
    doubled: tuple[int, ...]
    before: str
    """Our last window under the old node: as `strip` draws it."""
    after: str
    """The window that proved the new node; after a crash inside a window the same one."""
    fenced_at: float | None
    resumed_at: float | None
    first_block_at: float | None
    """Timestamp of the new node's first block."""
    seconds: float | None
    """From the beginning of the trouble (or the plan's start) to the new node's first block."""
    produced: tuple[tuple[str, int], ...]
    """Who made how many of our blocks in the incident's slots, the old node first."""
    timeline: tuple[Moment, ...]
    """Steps are those of the last epoch; a retry's earlier ones stand in the ledger."""


@dataclass(frozen=True, slots=True)
class Notice:
    """One message to operators; `key` makes it one message for ever."""

    kind: NoticeKind
    key: str
    epoch: int
    plan: Plan | None
    details: tuple[str, ...] = ()
    certificate: Certificate | None = None
    deadline: float | None = None


@dataclass(frozen=True, slots=True)
class Outcome:
    """How an incident ended."""

    outcome: str
    certificate: Certificate | None = None


@dataclass(frozen=True, slots=True)
class Decision:
    """What to write down: the new state, steps, messages; and every *no* with its reason."""

    state: GroupState
    orders: tuple[Order, ...] = ()
    notices: tuple[Notice, ...] = ()
    refusals: tuple[Refusal, ...] = ()
    ended: Outcome | None = None
    why: str = ""
    """In plain words, why this and nothing else."""

    def with_refusals(self, *more: Refusal) -> "Decision":
        """The same with further reasons."""
        return replace(self, refusals=(*self.refusals, *more))


@dataclass(frozen=True, slots=True)
class Asked:
    """What came from outside since the last decision."""

    switchover: Request | None = None
    release: str | None = None
    """Name of the operator that hands a latched group back."""
    hold: Hold | None = None
    unhold: str | None = None
    """The node (or `*`) whose hold ends."""
    unschedule: bool = False
