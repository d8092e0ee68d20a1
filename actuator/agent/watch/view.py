"""What is shown of a service: one row, its lines for a terminal, its JSON."""

from dataclasses import dataclass, replace
from datetime import UTC, datetime

from actuator.agent.watch.policy import Memory, Phase
from nodekit.processes import Process


@dataclass(frozen=True, slots=True)
class View:
    """One service as the watchdog sees it. Moments are unix seconds."""

    name: str
    watched: bool
    alive: bool
    well: bool
    """No condition holds against it."""
    phase: Phase
    why: str
    processes: tuple[Process, ...]
    memory: Memory
    failing: tuple[str, ...] = ()
    """Conditions that hold."""
    checks: tuple[str, ...] = ()
    seen_at: float = 0.0

    @property
    def up(self) -> bool | None:
        """Whether it is there and nothing holds against it; None when nobody knows."""
        return None if self.phase is Phase.UNKNOWN else self.alive and self.well

    @property
    def acts(self) -> bool:
        """Whether the watchdog would act on it now."""
        if self.phase is Phase.UNKNOWN:  # it hides that somebody left it alone
            return self.watched and self.memory.wanted and self.memory.monitored
        return self.watched and self.phase not in (Phase.UNMONITORED, Phase.MAINTENANCE, Phase.STOPPED)

    @property
    def main(self) -> Process | None:
        """Its main process."""
        return self.processes[0] if self.processes else None


def as_json(view: View) -> dict[str, object]:
    """For programs; what is not known is null."""
    memory, main = view.memory, view.main
    return {
        "service": view.name, "up": view.up, "state": str(view.phase), "why": view.why,
        "watched": view.watched, "monitored": memory.monitored, "monitored_again_at": memory.until,
        "wanted": memory.wanted, "pid": main.pid if main else None,
        "since": main.began if main else None, "processes": len(view.processes),
        "restarts": memory.restarts, "recent_starts": list(memory.starts), "failures": memory.failures,
        "next_start_not_before": memory.not_before or None,
        "gave_up_since": memory.gave_up.since if memory.gave_up else None,
        "next_try_at": memory.gave_up.next if memory.gave_up else None,
        "failing": list(view.failing), "seen_at": view.seen_at,
    }  # fmt: skip


def as_text(view: View) -> str:
    """For `status`: first what runs, then what the watchdog makes of it."""
    main, memory = view.main, view.memory
    if view.phase is Phase.UNKNOWN:
        lines = [f"nobody knows whether it runs: {view.why}"]
    elif main is not None:
        lines = [f"runs, pid {main.pid}, since {moment(main.began)}"]
    else:
        lines = ["runs" if view.alive else "does not run"]
    if not view.watched:
        return lines[0]
    told = f" ({view.why})" if view.why and view.phase is not Phase.UNKNOWN else ""
    lines.append(f"state: {view.phase}{told}")
    if memory.until is not None:
        lines.append(f"monitored again at: {moment(memory.until)}")
    if len(view.processes) > 1:
        others = ", ".join(str(one.pid) for one in view.processes[1:])
        lines.append(f"other processes: {others}")
    lines.append(f"restarts: {memory.restarts} in all, {len(memory.starts)} counted now")
    if memory.gave_up is not None:
        next_ = "by `start` or `monitor` only" if memory.gave_up.next is None else moment(memory.gave_up.next)
        lines.append(f"gave up: {moment(memory.gave_up.since)}; next try: {next_}")
    lines += [f"fails: {one}" for one in view.failing]
    return "\n".join(lines)


def moment(at: float) -> str:
    """`2026-12-01T03:00:00+00:00`."""
    return datetime.fromtimestamp(at, UTC).isoformat(timespec="seconds")


def living(view: View) -> View:
    """Without what has ended since: a stop and a start may last, and nobody looks meanwhile."""
    there = tuple(one for one in view.processes if one.alive)
    return view if there == view.processes else replace(view, processes=there, alive=bool(there))


def until(memory: Memory) -> str:
    """When it is monitored again, for the end of a sentence; empty when nobody has said."""
    if memory.until is None:
        return ""
    return f" until {datetime.fromtimestamp(memory.until, UTC):%H:%M:%S} UTC"
