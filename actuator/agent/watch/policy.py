"""PURE: what the watchdog does about one service, from what it sees and what it remembers.

Restarts are counted in time: at most `at_most` starts after a failure within `within` seconds, each after a
back-off that doubles. One more is giving up, told once; it ends after `rearm_after` seconds without a
failure, however the service came back. Until then it may be tried again, `retries` times, `retry_after` apart
(the semantics of god's `flapping`).
"""

from dataclasses import dataclass, replace
from enum import StrEnum

FACTOR = 2.0


class Act(StrEnum):
    """What is to be done now."""

    NOTHING = "nothing"
    START = "start"
    RESTART = "restart"
    STOP = "stop"


class Phase(StrEnum):
    """What a service is shown as."""

    RUNNING = "running"
    SICK = "sick"
    """It runs, and a condition holds against it."""
    DEAD = "dead"
    STARTING = "starting"
    STOPPING = "stopping"
    BACKING_OFF = "backing off"
    GAVE_UP = "gave up"
    STOPPED = "stopped"
    """By a command; it stays so until `start`."""
    UNMONITORED = "unmonitored"
    MAINTENANCE = "maintenance"
    UNKNOWN = "unknown"
    """Nobody can say whether it runs: nothing is decided then."""


@dataclass(frozen=True, slots=True)
class Policy:
    """How often a service is started again. All times in seconds."""

    at_most: int = 5
    within: float = 300.0
    backoff_first: float = 1.0
    """Between the first start that did not last and the second; the first is at once."""
    backoff_most: float = 60.0
    rearm_after: float = 600.0
    """Without a failure: then the failures are forgotten."""
    retry_after: float | None = None
    """After giving up; None: not again."""
    retries: int = 0


@dataclass(frozen=True, slots=True)
class GaveUp:
    """No more starts, but for the retries that are left."""

    since: float
    why: str
    next: float | None = None
    """When it is tried once more; None: never."""
    retried: int = 0
    forbidden: bool = False
    """Because the start is not allowed; ends when it is."""


@dataclass(frozen=True, slots=True)
class Memory:
    """What is kept of a service, also over restarts of the agent. Moments are unix seconds."""

    wanted: bool = True
    """False after the command `stop`."""
    monitored: bool = True
    until: float | None = None
    """When it is monitored again by itself."""
    starts: tuple[float, ...] = ()
    """Our starts after failures, those within the policy's window."""
    failures: int = 0
    """Starts since it was last proven good."""
    not_before: float = 0.0
    good_since: float | None = None
    gave_up: GaveUp | None = None
    excused: bool = False
    """We ended it ourselves, so its start is no failure."""
    restarts: int = 0
    """Starts by the watchdog, ever."""
    failed: str = ""
    """How the newest start failed; empty when it did not."""


@dataclass(frozen=True, slots=True)
class Look:
    """What is seen of a service now."""

    alive: bool
    sick: str | None = None
    """Which condition asks for a restart; None when none does."""
    ill: str | None = None
    """Which condition asks for a stop."""
    blocked: str | None = None
    """What a start must wait for: a dependency."""
    forbidden: str | None = None
    """Why it must not be started at all."""
    outdated: bool = False
    """A dependency was started after it, and it is to follow."""
    maintenance: bool = False


@dataclass(frozen=True, slots=True)
class Decision:
    """What to do, and what to remember. `due`: when to look again at the latest; None: at a change."""

    memory: Memory
    act: Act
    phase: Phase
    why: str = ""
    due: float | None = None


def decide(policy: Policy, memory: Memory, look: Look, now: float) -> Decision:
    """One step. The act is to be begun at once: the memory has it as begun."""
    memory = _aged(policy, memory, look, now)
    idle = _idle(memory, look)
    if idle is not None:
        why = "" if memory.wanted or not look.alive else "it was told to stop; not watched until `start`"
        return Decision(memory, Act.NOTHING, idle, why, memory.until)
    if look.alive and look.ill is not None:
        return Decision(replace(memory, wanted=False), Act.STOP, Phase.STOPPING, look.ill)
    if look.alive and look.sick is None:
        return _well(policy, memory, look)
    why = memory.failed or "its process is gone"
    if look.alive and look.sick is not None:
        why = look.sick
    return _needed(policy, memory, look, why, now)


def _aged(policy: Policy, memory: Memory, look: Look, now: float) -> Memory:
    """Forget what time has settled."""
    memory = again(memory, now)
    gave_up = memory.gave_up
    if gave_up is not None and gave_up.forbidden and look.forbidden is None:
        memory = replace(memory, gave_up=None)
    if not look.alive or look.sick is not None or look.ill is not None:
        memory = replace(memory, good_since=None)
    elif memory.good_since is None or memory.good_since > now:  # the clock was set back
        memory = replace(memory, good_since=now, excused=False, failed="")
    elif now - memory.good_since >= policy.rearm_after and (memory.failures or memory.gave_up is not None):
        memory = replace(memory, starts=(), failures=0, not_before=0.0, gave_up=None)
    longest = now + policy.backoff_most  # a clock that was set back must not stop us for longer
    recent = tuple(one for one in memory.starts if now - policy.within < one <= now)
    return replace(memory, starts=recent, not_before=min(memory.not_before, longest))


def again(memory: Memory, now: float) -> Memory:
    """Monitored again, when the time is over for which it was left alone."""
    over = memory.until is not None and now >= memory.until
    return replace(memory, monitored=True, until=None) if over else memory


def _idle(memory: Memory, look: Look) -> Phase | None:
    """As what it is shown while the watchdog leaves it alone."""
    if not memory.wanted:
        return Phase.RUNNING if look.alive else Phase.STOPPED
    if not memory.monitored:
        return Phase.UNMONITORED
    return Phase.MAINTENANCE if look.maintenance else None


def _well(policy: Policy, memory: Memory, look: Look) -> Decision:
    gave_up = memory.gave_up
    if look.outdated and look.blocked is None and look.forbidden is None and gave_up is None:
        return _go(memory, Act.RESTART, "what it depends on was started after it")
    due = None
    if memory.good_since is not None and (memory.failures or gave_up is not None):
        due = memory.good_since + policy.rearm_after
    if gave_up is not None:
        return Decision(
            memory, Act.NOTHING, Phase.GAVE_UP, f"{gave_up.why}; it runs again, on probation", due
        )
    return Decision(memory, Act.NOTHING, Phase.RUNNING, due=due)


def _needed(policy: Policy, memory: Memory, look: Look, why: str, now: float) -> Decision:
    """It is dead or sick."""
    act = Act.RESTART if look.alive else Act.START
    if look.forbidden is not None:
        gave_up = memory.gave_up or GaveUp(now, look.forbidden, forbidden=True)
        return Decision(replace(memory, gave_up=gave_up), Act.NOTHING, Phase.GAVE_UP, gave_up.why)
    if memory.gave_up is not None:
        return _given_up(policy, memory, memory.gave_up, act, now)
    if look.blocked is not None and act is Act.START:
        return Decision(replace(memory, excused=True), Act.NOTHING, Phase.DEAD, look.blocked)
    if memory.excused and act is Act.START:
        return _go(memory, act, "what it waited for is there")
    if now < memory.not_before:
        phase = Phase.SICK if look.alive else Phase.BACKING_OFF
        return Decision(memory, Act.NOTHING, phase, why, memory.not_before)
    if len(memory.starts) >= policy.at_most:
        count = f"{len(memory.starts)} start{'' if len(memory.starts) == 1 else 's'}"
        told = f"{why}, after {count} within {policy.within:g} s"
        next_ = None if policy.retry_after is None or not policy.retries else now + policy.retry_after
        memory = replace(memory, gave_up=GaveUp(now, told, next_))
        return Decision(memory, Act.NOTHING, Phase.GAVE_UP, told, next_)
    memory = replace(memory, starts=(*memory.starts, now), failures=memory.failures + 1)
    return _go(memory, act, why)


def _given_up(policy: Policy, memory: Memory, gave_up: GaveUp, act: Act, now: float) -> Decision:
    if gave_up.next is None or now < gave_up.next:
        return Decision(memory, Act.NOTHING, Phase.GAVE_UP, gave_up.why, gave_up.next)
    retried = gave_up.retried + 1
    more = policy.retry_after is not None and retried < policy.retries
    next_ = now + policy.retry_after if more and policy.retry_after is not None else None
    memory = replace(memory, gave_up=replace(gave_up, next=next_, retried=retried))
    return _go(memory, act, f"try {retried} of {policy.retries} after giving up")


def _go(memory: Memory, act: Act, why: str) -> Decision:
    memory = replace(memory, good_since=None, excused=False, restarts=memory.restarts + 1)
    return Decision(memory, act, Phase.STOPPING if act is Act.RESTART else Phase.STARTING, why)


def ended(policy: Policy, memory: Memory, now: float, failed: str = "") -> Memory:
    """A start of ours has ended, well or not; the back-off counts from here."""
    memory = replace(memory, failed=failed)
    if not memory.failures:
        return memory
    wait = min(policy.backoff_most, policy.backoff_first * FACTOR ** min(memory.failures - 1, 32))
    return replace(memory, not_before=now + wait)


def rearmed(memory: Memory) -> Memory:
    """Somebody looked after it: what was counted is forgotten."""
    return replace(memory, starts=(), failures=0, not_before=0.0, gave_up=None, good_since=None, failed="")


def commanded(memory: Memory, command: str, now: float, lasts: float | None = None) -> Memory:
    """After `start`, `stop`, `restart`, `monitor` or `unmonitor`; the last for so many seconds, if given."""
    if command == "unmonitor":
        return replace(memory, monitored=False, until=None if lasts is None else now + lasts)
    if command == "monitor":
        return replace(rearmed(memory), monitored=True, until=None)
    return replace(rearmed(memory), wanted=command != "stop", excused=False)
