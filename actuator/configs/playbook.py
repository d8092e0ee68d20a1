"""What actuator.yml may say in its playbook: which alerts lead to which actions."""

from typing import Annotated, Self

from pydantic import Field, model_validator
from pydantic_core import PydanticCustomError

from nodekit.settings import Duration, Settings
from nodekit.words import Name, OneOrMany, Words


class Failover(Settings):
    """Ask the group that the alert's `group` label names whether it should fail over."""


class Recover(Settings):
    """Have a host's agent run a command that its own config defines."""

    service: Name
    """The service's name in the agent's config."""
    command: Name
    """The command's name there."""
    host: Name | None = None
    """Among `hosts`; the alert's label `host` when left out."""


class Limits(Settings):
    """How often one rule may have a command run on one host."""

    cooldown: Duration = 0.0
    """Time after the end of one during which no other one begins."""
    per_hour: int = Field(6, ge=1)
    """Runs within an hour; the next one is refused."""


class Do(Settings):
    """One thing to do about an alert: exactly one key."""

    failover: Failover | None = None
    recover: Recover | None = None
    notify: Annotated[tuple[Name, ...] | None, OneOrMany] = None
    """Sinks that are told."""

    @model_validator(mode="after")
    def _exactly_one(self) -> Self:
        if [self.failover, self.recover, self.notify].count(None) != 2:
            raise PydanticCustomError("do", "write exactly one of failover, recover, notify")
        return self


class Rule(Settings):
    """Alerts whose labels match `when` lead to `do`; every rule that matches applies."""

    when: dict[str, Words]
    """Label → value or list of values; the empty string matches an absent label."""
    do: tuple[Do, ...] = Field(min_length=1)
    limits: Limits = Limits()
    """Of `recover`."""
