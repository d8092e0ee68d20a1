"""What agent.yml may say of a daemon's `checks`: conditions besides a process that is gone."""

import re
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Self

from pydantic import BeforeValidator, Field, model_validator
from pydantic_core import PydanticCustomError

from nodekit.finding import Expression
from nodekit.settings import Duration, Settings
from nodekit.words import HttpUrl, Listen, OneOrMany, Time

UNITS = {"": 1, "K": 1 << 10, "M": 1 << 20, "G": 1 << 30, "T": 1 << 40}
SIZE = re.compile(r"(\d+(?:\.\d+)?)([KMGT]?)(?:i?B)?")


def _size(value: object) -> object:
    found = SIZE.fullmatch(value.strip()) if isinstance(value, str) else None
    return round(float(found[1]) * UNITS[found[2]]) if found else value


def _written(size: int) -> str:
    """`512M` for what is so many whole units."""
    unit = next(unit for unit in reversed(UNITS) if size % UNITS[unit] == 0)
    return f"{size // UNITS[unit]}{unit}"


Bytes = Annotated[int, BeforeValidator(_size), Field(gt=0)]
"""Bytes, also written `512M` or `2GiB`."""


class Then(StrEnum):
    """What follows from a condition that holds."""

    RESTART = "restart"
    STOP = "stop"
    ALERT = "alert"
    """It is shown and counted only."""


KINDS = ("tcp", "http", "heartbeat", "cpu", "memory", "uptime", "log", "program")


class Check(Settings):
    """One condition: one of `tcp`, `http`, `heartbeat`, `cpu`, `memory`, `uptime`, `log`, `program`."""

    tcp: Listen | None = None
    """This address takes no connection."""
    http: HttpUrl | None = None
    """This address does not answer, or not with `status` and `contains`."""
    heartbeat: Path | None = None
    """This file was not written for `older_than`."""
    cpu: float | None = Field(None, gt=0)
    """More than so many percent of one core."""
    memory: Bytes | None = None
    """More resident memory."""
    uptime: Time | None = None
    """It runs for longer."""
    log: Path | None = None
    """A new line of this file matches `pattern`."""
    program: Annotated[tuple[str, ...], OneOrMany] = ()
    """This program does not end with 0."""
    status: Annotated[tuple[int, ...], OneOrMany] = (200,)
    """What `http` may answer with."""
    contains: str | None = None
    """Text that the answer of `http` must contain."""
    older_than: Time | None = None
    """For `heartbeat`."""
    pattern: Expression | None = None
    """For `log`: regular expression over a line."""
    timeout: Time = 2.0
    """For an answer, or for the end of `program`."""
    every: Time = 5.0
    """Seconds between looks."""
    lasts: Duration = Field(0.0, alias="for")
    """So long it must hold without a break."""
    after: Time | None = None
    """So long a new process is left alone; the daemon's `timeout` when left out."""
    then: Then = Then.RESTART
    """What follows."""

    @model_validator(mode="after")
    def _one_kind(self) -> Self:
        given = [kind for kind in KINDS if getattr(self, kind)]
        if len(given) != 1:
            raise PydanticCustomError("check", "write exactly one of {kinds}", {"kinds": ", ".join(KINDS)})
        if (self.heartbeat is None) != (self.older_than is None):
            raise PydanticCustomError("check", "`heartbeat` and `older_than` need each other")
        if (self.log is None) != (self.pattern is None):
            raise PydanticCustomError("check", "`log` and `pattern` need each other")
        if self.log is not None and self.lasts:
            raise PydanticCustomError("check", "a line of a log does not last: leave out `for`")
        return self

    @property
    def kind(self) -> str:
        """Which of the KINDS it is."""
        return next(kind for kind in KINDS if getattr(self, kind))

    @property
    def title(self) -> str:
        """What it is called where people see it."""
        value = _written(self.memory) if self.memory else getattr(self, self.kind)
        told = f"{self.kind} {' '.join(value) if isinstance(value, tuple) else value}"
        told += f" {self.pattern}" if self.pattern is not None else ""
        return f"{told} for {self.lasts:g}s" if self.lasts else told
