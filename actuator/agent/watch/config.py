"""What agent.yml may say of `daemons`: how each is found, started and stopped, and what the watchdog does."""

import os
import pwd
from pathlib import Path
from typing import Annotated, Any, Self

from pydantic import BeforeValidator, Field, model_validator
from pydantic_core import PydanticCustomError

from actuator.agent.watch.calendar import LONGEST, Window, parse_cron, parse_moment
from actuator.agent.watch.checks import Check
from actuator.agent.watch.policy import Policy
from nodekit.finding import Finding, User
from nodekit.settings import Settings
from nodekit.words import Name, OneOrMany, Time


def _bare(value: object) -> object:
    return {"argv": value} if isinstance(value, list | tuple) else value


def _moment(value: object) -> object:
    try:
        return parse_moment(value)
    except ValueError as error:
        raise PydanticCustomError("moment", "{why}", {"why": str(error)}) from None


UtcTime = Annotated[float, BeforeValidator(_moment)]
"""A time in ISO 8601; without a zone it is UTC."""


class Step(Settings):
    """A program that starts or stops a daemon. It inherits nothing open and may outlive the agent."""

    argv: tuple[str, ...] = ()
    """The program and its arguments; started without a shell."""
    shell: str | None = None
    """A line for /bin/sh instead."""
    timeout: Time | None = None
    """Instead of the daemon's."""
    user: User | None = None
    """Whom it runs as, with that user's groups; the agent must be root for it."""
    cwd: Path | None = None
    """Its working folder; the agent's own when left out."""
    env: dict[str, str] = Field(default_factory=dict)
    """Variables on top of the agent's own."""
    foreground: bool = False
    """It is the daemon itself and does not return."""

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        if bool(self.argv) == (self.shell is not None):
            raise PydanticCustomError("program", "write either `argv` (a list of words) or `shell` (a line)")
        if self.user is not None and os.geteuid() != 0 and pwd.getpwnam(self.user).pw_uid != os.geteuid():
            raise PydanticCustomError("user", "`user`: only an agent that runs as root can be another user")
        return self

    @property
    def words(self) -> tuple[str, ...]:
        """The argv to start."""
        return self.argv if self.shell is None else ("/bin/sh", "-c", self.shell)


Program = Annotated[Step, BeforeValidator(_bare)]
"""A Step; a bare list is its argv."""


class Backoff(Settings):
    """Time between starts that do not last: doubles from `first` to `most`; the first start is at once."""

    first: Time = 1.0
    """Between the first start and the second."""
    most: Time = 60.0
    """No wait is longer."""


class Restart(Settings):
    """How often a daemon is started again before the watchdog gives up, and what ends that."""

    at_most: int = Field(5, ge=0, le=1000)
    """Starts after failures; one more is giving up."""
    within: Time = 300.0
    """The time in which they are counted."""
    backoff: Backoff = Backoff()
    rearm_after: Time = 600.0
    """Without a failure: then failures are forgotten, and giving up ends."""
    retry_after: Time | None = None
    """After giving up; not again when left out."""
    retries: int = Field(0, ge=0, le=1000)
    """How often it is tried again after giving up."""

    @model_validator(mode="after")
    def _both(self) -> Self:
        if (self.retry_after is None) != (self.retries == 0):
            raise PydanticCustomError("retries", "`retry_after` and `retries` need each other")
        return self


class Maintenance(Settings):
    """A time in which the watchdog leaves a daemon alone: `cron` with `for`, or `start` with `end`."""

    cron: str | None = None
    """Minute, hour, day of month, month, day of week (0 or 7 is Sunday), in UTC."""
    lasts: Time | None = Field(None, alias="for")
    """How long a window of `cron` is; 7d at most."""
    start: UtcTime | None = None
    """When it begins, for a single window."""
    end: UtcTime | None = None
    """When it ends."""

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        once = self.start is not None and self.end is not None and self.start < self.end
        if once == (self.cron is not None and self.lasts is not None):
            told = "write `cron` with `for`, or `start` with a later `end`"
            raise PydanticCustomError("maintenance", told)
        if self.lasts is not None and self.lasts > LONGEST:
            raise PydanticCustomError("maintenance", "`for`: write 7d or less")
        if self.cron is not None:
            try:
                parse_cron(self.cron)
            except ValueError as error:
                raise PydanticCustomError("cron", "`cron`: {why}", {"why": str(error)}) from None
        return self

    @property
    def window(self) -> Window:
        """For the calendar."""
        cron = None if self.cron is None else parse_cron(self.cron)
        return Window(cron, self.lasts or 0.0, self.start, self.end)


class Watch(Settings):
    """Its presence lets the watchdog act."""

    restart: Restart = Restart()
    checks: tuple[Check, ...] = ()
    """Conditions besides a process that is gone."""
    maintenance: tuple[Maintenance, ...] = ()
    """When it is left alone."""
    follow: bool = False
    """Restart it when something that it depends on was started after it."""

    @model_validator(mode="after")
    def _titles_differ(self) -> Self:
        titles = [check.title for check in self.checks]
        for title in titles:
            if titles.count(title) > 1:
                raise PydanticCustomError("checks", "two checks are `{title}`", {"title": title})
        return self


class Daemon(Finding):
    """A daemon of this host that may be started and stopped, and watched."""

    start: Program | None = None
    """Program with arguments, without a shell; it must return once the daemon is on its way."""
    stop: Program | None = None
    """TERM to its processes, but for those that one of them started, when left out."""
    restart: Program | None = None
    """Instead of `stop` and `start`."""
    rc: Path | None = None
    """Its init script: `rc start`, `rc stop`."""
    timeout: Time = 30.0
    """For each program, and for the process to come or go."""
    kill: bool = False
    """Send KILL to what does not end within `timeout`."""
    depends_on: Annotated[tuple[Name, ...], OneOrMany] = ()
    """Daemons that are started before it and stopped after it."""
    producer: Name | None = None
    """Its name under `nodeos`, for a block producer: it is started only when its start is fenced."""
    watch: Watch | None = None
    """Lets the watchdog start it again when it dies."""

    @model_validator(mode="before")
    @classmethod
    def _styles(cls, value: Any) -> Any:
        """`unit` and `rc` stand for programs."""
        if not isinstance(value, dict):
            return value
        unit, rc = value.get("unit"), value.get("rc")
        for word in ("start", "stop"):
            if value.get(word) is None and unit is not None:
                value = {**value, word: ["systemctl", word, str(unit)]}
            elif value.get(word) is None and rc is not None:
                value = {**value, word: [str(rc), word]}
        return value

    @model_validator(mode="after")
    def _coherent(self) -> Self:
        if self.start is None:
            raise PydanticCustomError("start", "write `start`, `unit` or `rc`: how is it started?")
        if not self.findable and not self.seen_by:
            raise PydanticCustomError(
                "pid", "write `pid_file`, `match` or `unit` (how is its process found?), or a `watch` with a "
                "check `tcp`, `http` or `heartbeat`",
            )  # fmt: skip
        if self.stop is not None and self.stop.foreground:
            raise PydanticCustomError("stop", "`foreground` is for `start`")
        return self

    @property
    def seen_by(self) -> tuple[Check, ...]:
        """Checks that can tell whether it is there, for what has no process here."""
        checks = () if self.watch is None else self.watch.checks
        return tuple(one for one in checks if one.kind in ("tcp", "http", "heartbeat"))


def policy_of(daemon: Daemon) -> Policy:
    """How often it is started again."""
    if daemon.watch is None:
        return Policy()
    told = daemon.watch.restart
    return Policy(
        told.at_most, told.within, told.backoff.first, told.backoff.most, told.rearm_after, told.retry_after,
        told.retries,
    )  # fmt: skip


def order(daemons: dict[str, Daemon]) -> list[str]:
    """Names, each after what it depends on. Raises ValueError naming what is unknown or goes in a circle."""
    found: list[str] = []

    def visit(name: str, path: tuple[str, ...]) -> None:
        if name in path:
            raise ValueError(f"they depend on each other: {' → '.join((*path[path.index(name) :], name))}")
        if name not in daemons:
            raise ValueError(f"daemons.{path[-1]}: `depends_on` {name} is not among `daemons`")
        for other in daemons[name].depends_on:
            visit(other, (*path, name))
        if name not in found:
            found.append(name)

    for name in daemons:
        visit(name, ())
    return found
