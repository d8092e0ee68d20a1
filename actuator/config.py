"""What actuator.yml may say; everything downstream works on these frozen values, never on a dict.

The parts are in actuator/configs, one file a part.
"""

from typing import Self

from pydantic import Field, ValidationInfo, field_validator, model_validator
from pydantic_core import PydanticCustomError

from actuator.configs.auth import Auth
from actuator.configs.collectd import Collectd
from actuator.configs.groups import Group
from actuator.configs.hosts import Host, Mqtt
from actuator.configs.notify import Notify
from actuator.configs.playbook import Rule
from actuator.configs.sinks import Sink
from actuator.notify.texts import TemplateFaultError, Texts
from actuator.sinks.checks import problem_of
from nodekit.listening import loopback
from nodekit.settings import Duration, Secret, Settings
from nodekit.words import HttpUrl, Listen, Name

DEFAULT_LISTEN = "127.0.0.1:19189"


class Config(Settings):
    """The whole of actuator.yml."""

    listen: Listen = DEFAULT_LISTEN
    """Where Alertmanager and operators reach it; anything but loopback needs `auth`."""
    auth: Auth = Auth()
    ledger: str
    """What was intended and what became of it: `sqlite:///FILE`, or `postgresql://USER@HOST/NAME` for
    several actuators."""
    ledger_password_file: Secret | None = None
    """Of a PostgreSQL ledger; its URL holds none."""
    max_alert_age: Duration = 3600.0
    """An alert that started longer ago asks for no action any more; notifications still go out."""
    external_url: HttpUrl | None = None
    """Where operators reach this actuator; used in messages."""
    groups: dict[Name, Group] = Field(default_factory=dict)
    mqtt: Mqtt | None = None
    collectd: Collectd | None = None
    """Opens POST /collectd."""
    hosts: dict[Name, Host] = Field(default_factory=dict)
    sinks: dict[Name, Sink] = Field(default_factory=dict)
    """Where messages go, by a name of your choice; `type` says what kind it is."""
    notify: Notify = Notify()
    playbook: tuple[Rule, ...] = ()

    @field_validator("sinks")
    @classmethod
    def _sinks_can_be_built(cls, sinks: dict[str, Sink]) -> dict[str, Sink]:
        for name, sink in sinks.items():
            wrong = problem_of(name, sink)
            if wrong is not None:
                raise PydanticCustomError("sink", "{name}: {wrong}", {"name": name, "wrong": wrong})
        return sinks

    @field_validator("notify")
    @classmethod
    def _templates_work(cls, notify: Notify) -> Notify:
        try:
            Texts(notify.templates)
        except TemplateFaultError as error:
            raise PydanticCustomError("template", "templates: {why}", {"why": str(error)}) from None
        return notify

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
    def _hosts_can_be_reached(self) -> Self:
        if self.hosts and self.mqtt is None:
            raise PydanticCustomError("mqtt", "`hosts` need a broker: add `mqtt: {host: …}`")
        known = ", ".join(self.hosts) or "there are none"
        for number, rule in enumerate(self.playbook, start=1):
            for do in rule.do:
                if do.recover is not None and (do.recover.host or "") not in {"", *self.hosts}:
                    raise PydanticCustomError(
                        "host", "rule {number} recovers {host}, which is not among the hosts ({known})",
                        {"number": number, "host": str(do.recover.host), "known": known},
                    )  # fmt: skip
        for name, group in self.groups.items():
            for node in group.nodes:
                if node.via is not None and node.agent_host not in self.hosts:
                    raise PydanticCustomError(
                        "host", "group {group}: {node} is reached via {via}; known hosts: {known}",
                        {"group": name, "node": node.name, "via": node.via, "known": known},
                    )  # fmt: skip
        return self

    @model_validator(mode="after")
    def _coherent(self) -> Self:
        for name, group in self.groups.items():
            for sink in group.notify or ():
                if sink not in self.sinks:
                    raise PydanticCustomError(
                        "sink", "group {name} notifies {sink}, which is not among the sinks",
                        {"name": name, "sink": sink},
                    )  # fmt: skip
        self._sinks_are_known()
        if not self.loopback and (self.auth.webhook is None or not self.auth.operators):
            raise PydanticCustomError(
                "auth", "`listen` {listen} is reachable from outside: set auth.webhook and auth.operators, "
                "or listen on 127.0.0.1", {"listen": self.listen},
            )  # fmt: skip
        return self

    def _sinks_are_known(self) -> None:
        named = {("notify", name) for name in self.notify.named()}
        named |= {(f"sink {at}", sink.fallback) for at, sink in self.sinks.items() if sink.fallback}
        for where, name in sorted(named):
            if name not in self.sinks or where == f"sink {name}":
                raise PydanticCustomError(
                    "sink", "{where} names {name}, which is not among the other sinks",
                    {"where": where, "name": name},
                )  # fmt: skip

    @property
    def loopback(self) -> bool:
        """Whether only this machine can connect."""
        return loopback(self.listen)
