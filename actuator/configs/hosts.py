"""What actuator.yml may say of hosts and of the broker through which their agents are reached."""

import socket
from enum import StrEnum
from typing import Self

from pydantic import Field, model_validator
from pydantic_core import PydanticCustomError

from actuator.remote.broker import Broker
from nodekit.settings import Secret, Settings
from nodekit.words import Name, Time


class Mqtt(Broker):
    """The broker, and who we are there."""

    client_id: str = Field(default_factory=lambda: f"chainwarden-actuator-{socket.gethostname()}")
    """The same at each start, so that results that arrive while we are away are kept for us."""
    sender: Name = "chainwarden"
    """What agents know us as, when commands are signed."""


class AgentKind(StrEnum):
    """Who listens on a host."""

    CHAINWARDEN = "chainwarden"
    """Remembers commands: asking again is safe, and gives the result that was lost."""
    ORIGINAL = "original"
    """lua-collectd-monitor: runs what it is sent, as often as it is sent; one command at a time."""


class Host(Settings):
    """A host whose agent performs recovery commands."""

    command_topic: str = Field(min_length=1)
    """Where its agent listens."""
    result_topic: str = Field(min_length=1)
    """Where its agent answers."""
    agent: AgentKind = AgentKind.CHAINWARDEN
    timeout: Time = 60.0
    """How long a result may take."""
    key_file: Secret | None = None
    """What commands for this host are signed with (HMAC-SHA256)."""

    @model_validator(mode="after")
    def _topics_differ(self) -> Self:
        if self.command_topic == self.result_topic:
            raise PydanticCustomError("topic", "`command_topic` and `result_topic` must differ")
        if any(char in self.command_topic + self.result_topic for char in "#+"):
            raise PydanticCustomError("topic", "a host's topics hold no `#` or `+`")
        return self

    @property
    def remembers(self) -> bool:
        """Whether asking again is safe."""
        return self.agent is AgentKind.CHAINWARDEN
