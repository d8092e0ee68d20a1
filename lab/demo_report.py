"""PURE: what the demo measured, what it promised, and the report of both."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

MAX_MISSED = 3
"""Blocks that this crash may cost. Two seconds prove the node gone; it is killed right after a block that was
made 0.3 s early, so the fourth slot can still be had. `loss_budget` counts a crash right before one: four."""


@dataclass(frozen=True, slots=True)
class Switchover:
    """A planned move, by the chain's own blocks and the nodes' own logs."""

    old: str
    new: str
    done: bool
    missed: int
    doubled: int
    seconds: float


@dataclass(frozen=True, slots=True)
class Crash:
    """The kill and what followed."""

    missed: int
    doubled: int
    takeover_seconds: float
    """From the kill until the standby read active."""
    strip: str
    began_messages: int
    verified_messages: int


@dataclass(frozen=True, slots=True)
class Facts:
    """All that the demo measured."""

    producers: int
    switchovers: Sequence[Switchover]
    crash: Crash
    stayed_paused: bool
    notifications: Sequence[str]


def verdict(facts: Facts) -> list[str]:
    """Promises that did not hold, in words."""
    broken = []
    for move in facts.switchovers:
        name = f"switchover {move.old}→{move.new}"
        if not move.done:
            broken.append(f"{name} was not verified")
        if move.missed or move.doubled:
            broken.append(f"{name} missed {move.missed} and doubled {move.doubled} blocks")
    crash = facts.crash
    if crash.missed > MAX_MISSED:
        broken.append(f"the crash cost {crash.missed} blocks, more than {MAX_MISSED}")
    if crash.doubled:
        broken.append(f"the crash doubled {crash.doubled} blocks")
    if crash.strip[:1] != "A" or crash.strip[-1:] != "B":
        broken.append(f"the window {crash.strip} was not taken over by B")
    if (crash.began_messages, crash.verified_messages) != (1, 1):
        broken.append(
            f"Slack got {crash.began_messages} messages of its start, {crash.verified_messages} of its end"
        )
    if not facts.stayed_paused:
        broken.append("A produced again after it came back")
    return broken


def report(facts: Facts) -> dict[str, Any]:
    """The content of .demo/report.json."""
    crash = facts.crash
    return {
        "ok": not verdict(facts),
        "producers": facts.producers,
        "switchovers": [
            {
                "from": move.old,
                "to": move.new,
                "missed_blocks": move.missed,
                "double_produced_blocks": move.doubled,
                "seconds": round(move.seconds, 1),
            }
            for move in facts.switchovers
        ],
        "crash": {
            "missed_blocks": crash.missed,
            "double_produced_blocks": crash.doubled,
            "takeover_seconds": round(crash.takeover_seconds, 2),
            "strip": crash.strip,
        },
        "returned_node_stayed_paused": facts.stayed_paused,
        "notifications": [{"channel": "slack", "text": text} for text in facts.notifications],
    }
