"""What actuator.yml may say; everything downstream works on these frozen values, never on a dict.

The parts are in actuator/configs, one file a part.
"""

import ipaddress
from typing import Self

from pydantic import Field, ValidationInfo, field_validator, model_validator
from pydantic_core import PydanticCustomError

from actuator.configs.auth import Auth
from actuator.configs.groups import Group
from actuator.configs.playbook import Rule
from actuator.configs.sinks import Sink
from nodekit.settings import Duration, Settings
from nodekit.words import HttpUrl, Listen, Name

DEFAULT_LISTEN = "127.0.0.1:19189"


class Config(Settings):
    """The whole of actuator.yml."""

    listen: Listen = DEFAULT_LISTEN
    auth: Auth = Auth()
    ledger: str
    max_alert_age: Duration = 3600.0
    """An alert that started longer ago asks for no action any more; notifications still go out."""
    external_url: HttpUrl | None = None
    """Where operators reach this actuator; used in messages."""
    groups: dict[Name, Group] = Field(default_factory=dict)
    sinks: dict[Name, Sink] = Field(default_factory=dict)
    playbook: tuple[Rule, ...] = ()

    @field_validator("playbook")
    @classmethod
    def _sinks_exist(cls, playbook: tuple[Rule, ...], info: ValidationInfo) -> tuple[Rule, ...]:
        known = info.data.get("sinks", {})
        for number, rule in enumerate(playbook):
            for name in [name for do in rule.do for name in do.notify or () if name not in known]:
                raise PydanticCustomError(
                    "sink", "rule {number} notifies {name}, which is not among the sinks ({known})",
                    {"number": number + 1, "name": name, "known": ", ".join(known) or "there are none"},
                )  # fmt: skip
        return playbook

    @model_validator(mode="after")
    def _coherent(self) -> Self:
        for name, group in self.groups.items():
            for sink in group.notify or ():
                if sink not in self.sinks:
                    raise PydanticCustomError(
                        "sink", "group {name} notifies {sink}, which is not among the sinks",
                        {"name": name, "sink": sink},
                    )  # fmt: skip
        if not self.loopback and (self.auth.webhook is None or not self.auth.operators):
            raise PydanticCustomError(
                "auth", "`listen` {listen} is reachable from outside: set auth.webhook and auth.operators, "
                "or listen on 127.0.0.1", {"listen": self.listen},
            )  # fmt: skip
        return self

    @property
    def loopback(self) -> bool:
        """Whether only this machine can connect."""
        host = self.listen.rpartition(":")[0].strip("[]")
        try:
            return ipaddress.ip_address(host).is_loopback
        except ValueError:
            return host == "localhost"
