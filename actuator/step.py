"""PURE: a step is one intended effect; it is written down before it is performed."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum


class State(StrEnum):
    """Life of a step. `executing` is committed before the effect; the last four are final."""

    PLANNED = "planned"
    AWAITING_APPROVAL = "awaiting_approval"
    EXECUTING = "executing"
    OK = "ok"
    FAILED = "failed"
    UNKNOWN = "unknown"
    SKIPPED = "skipped"


FINAL = frozenset({State.OK, State.FAILED, State.UNKNOWN, State.SKIPPED})


class Lane(StrEnum):
    """Which workers perform a step: a slow chat server must never delay a failover."""

    CONTROL = "control"
    ASK = "ask"
    """Questions that wait for a group's decision; they must not occupy those that carry it out."""
    NOTIFY = "notify"
    REMOTE = "remote"
    """Commands to agents, which may take minutes."""


@dataclass(frozen=True, slots=True)
class Step:
    """One intended effect. `key` makes it happen at most once, for ever; times are unix seconds."""

    key: str
    action: str
    target: str
    """What is acted on; two steps on one target never run at the same time."""
    reason: str
    lane: Lane = Lane.CONTROL
    arguments: Mapping[str, object] = field(default_factory=dict)
    """JSON values."""
    not_after: float | None = None
    """A claim after this moment skips the step."""
    group: str | None = None
    epoch: int | None = None
    """The group's fence number that the step belongs to; a lower one than the group's is refused."""
    episode: int | None = None


@dataclass(frozen=True, slots=True)
class Claimed:
    """A step that this process may perform now, and how often it was tried before."""

    step: Step
    attempts: int


@dataclass(frozen=True, slots=True)
class Receipt:
    """What became of a step. `retry_in` seconds asks for another try (notifications only)."""

    state: State
    detail: str
    retry_in: float | None = None
    evidence: str = ""
    """What a decision may build on besides the state; `queued` for a pause that waits at a hung node."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """A *no* with its reason: shown in history, page, metric and message."""

    rule: str
    why: str


def failover_key(group: str, epoch: int, step: str, node: str) -> str:
    """Key of a failover step: the state machine alone makes these (DESIGN §5)."""
    return f"failover/{group}/{epoch}/{step}/{node}"


def episode_key(episode: int, rule: str, action: str, target: str) -> str:
    """Key of a step that an alert asked for."""
    return f"episode/{episode}/{rule}/{action}/{target}"
