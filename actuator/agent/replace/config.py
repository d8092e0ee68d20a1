"""What agent.yml may say of `replace`."""

from pathlib import Path
from typing import Self

from pydantic import Field, model_validator
from pydantic_core import PydanticCustomError

from nodekit.finding import Finding
from nodekit.words import Time

FILE = "{file}"
"""Stands for the copy that is checked."""


class Replace(Finding):
    """One daemon whose configuration may be replaced. All programs are started without a shell."""

    file: Path
    """The configuration; a symbolic link is followed."""
    check: tuple[str, ...] = Field(min_length=1)
    """Exits with 0 when the configuration `{file}` is right; must not disturb the running daemon."""
    collectd: bool = False
    """Check a copy whose pid file, logs, sockets and ports are elsewhere: `collectd -T` opens all of them."""
    stop: tuple[str, ...] = ()
    """Stops the daemon; left out when `start` restarts it."""
    start: tuple[str, ...] = Field(min_length=1)
    """Starts the daemon."""
    health: tuple[str, ...] = ()
    """Exits with 0 when the daemon works."""
    stops_within: Time = 10.0
    """How long the old process may take to end."""
    starts_within: Time = 10.0
    """How long the new process may take to come up."""
    stays_for: Time = 3.0
    """So long the new process must live before the replacement counts as done."""

    @model_validator(mode="after")
    def _coherent(self) -> Self:
        if not any(FILE in word for word in self.check):
            raise PydanticCustomError(
                "check", "`check` must name the copy to check as {file}", {"file": FILE}
            )
        if not self.findable:
            raise PydanticCustomError(
                "pid", "write `pid_file`, `match` or `unit`: how is the daemon's process found?"
            )
        return self
