"""What `rpc_switch` remembers, in one small file that is replaced in one step."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from actuator.agent.rpc_switch.choose import Penalty
from actuator.agent.rpc_switch.replace import write_whole


class StateError(Exception):
    """The file cannot be read or written; without it nothing is switched."""


@dataclass(frozen=True, slots=True)
class Pending:
    """A switch that has begun. Its texts of the node's file let it be finished or taken back."""

    old: str
    """The file before the switch: what taking it back restores."""
    before: str
    """The file before this try: `old`, or that of a candidate that failed."""
    new: str
    came_from: str
    goes_to: str
    reverting: bool = False


@dataclass(frozen=True, slots=True)
class State:
    """Everything that outlives the process."""

    pending: Pending | None = None
    runs: tuple[float, ...] = ()
    """When switches ended, or began if they did not end; unix seconds."""
    penalties: Mapping[str, Penalty] = field(default_factory=dict)
    last: str = ""
    """How the last switch ended, for a person."""


def load(path: Path) -> State:
    """The last saved state; an empty one when there is no file yet. Raises StateError."""
    try:
        return _state(json.loads(path.read_text(encoding="utf-8")))
    except FileNotFoundError:
        return State()
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise StateError(f"{path} cannot be used: {error}") from None


def save(path: Path, state: State) -> None:
    """Replace the file, readable for its owner only: it holds addresses with keys. Raises StateError."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_whole(path, json.dumps(asdict(state)).encode(), mode=0o600)
    except OSError as error:
        raise StateError(f"{path} cannot be written: {error.strerror}") from None


def _state(raw: Mapping[str, Any]) -> State:
    pending = raw["pending"]
    return State(
        pending=None if pending is None else Pending(**pending),
        runs=tuple(float(run) for run in raw["runs"]),
        penalties={name: Penalty(**penalty) for name, penalty in raw["penalties"].items()},
        last=str(raw["last"]),
    )
