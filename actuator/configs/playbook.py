"""What actuator.yml may say in its playbook: which alerts lead to which actions."""

from typing import Annotated, Self

from pydantic import Field, model_validator
from pydantic_core import PydanticCustomError

from nodekit.settings import Settings
from nodekit.words import Name, OneOrMany, Words


class Failover(Settings):
    """Ask the group that the alert's `group` label names whether it should fail over."""


class Do(Settings):
    """One thing to do about an alert: exactly one key."""

    failover: Failover | None = None
    notify: Annotated[tuple[Name, ...] | None, OneOrMany] = None

    @model_validator(mode="after")
    def _exactly_one(self) -> Self:
        if (self.failover is None) == (self.notify is None):
            raise PydanticCustomError("do", "write exactly one of failover, notify")
        return self


class Rule(Settings):
    """Alerts whose labels match `when` lead to `do`; every rule that matches applies."""

    when: dict[str, Words]
    """Label → value or list of values; the empty string matches an absent label."""
    do: tuple[Do, ...] = Field(min_length=1)
