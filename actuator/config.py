"""What actuator.yml may say. Everything downstream works on these frozen values, never on a dict."""

import ipaddress
from enum import StrEnum
from typing import Annotated, Literal, Self
from urllib.parse import urlsplit

from pydantic import AfterValidator, BeforeValidator, Field, ValidationInfo, field_validator, model_validator
from pydantic_core import PydanticCustomError

from nodekit.settings import Duration, OnOff, Secret, Settings
from nodekit.slots import SLOT_SECONDS

DEFAULT_LISTEN = "127.0.0.1:19189"
GONE_AFTER = 2.0
"""Seconds of refused connections that prove a process gone (ADR 0002); no config goes below."""
ACT_SECONDS = 0.3
"""From the proof to the resumed node: pauses, a resume, commits. Measured 0.05 s; six times that."""


def _name(text: str) -> str:
    if not text or len(text) > 64 or not all(char.isalnum() or char in "_.-" for char in text):
        raise PydanticCustomError("name", "write 1 to 64 letters, digits, `_`, `.` or `-`")
    return text


def _http_url(text: str) -> str:
    parts = urlsplit(text)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.username or parts.query:
        raise PydanticCustomError("url", "write an address such as http://10.0.0.1:8888")
    return text.rstrip("/")


def _write_url(text: str) -> str:
    if text.startswith("unix:///") and len(text) > len("unix:///"):
        return text
    return _http_url(text)


def _network(text: str) -> str:
    try:
        ipaddress.ip_network(text)
    except ValueError:
        raise PydanticCustomError("network", "write an address or network such as 203.0.113.0/24") from None
    return text


def _one_or_many(value: object) -> object:
    return value if isinstance(value, list) else [value]


Name = Annotated[str, AfterValidator(_name)]
HttpUrl = Annotated[str, AfterValidator(_http_url)]
WriteUrl = Annotated[str, AfterValidator(_write_url)]
Network = Annotated[str, AfterValidator(_network)]
Words = Annotated[tuple[str, ...], BeforeValidator(_one_or_many)]


class Mode(StrEnum):
    """`strict`: never resume without a confirmed fence. `bounded` is not built yet."""

    STRICT = "strict"


class Automation(StrEnum):
    """Whether a group acts by itself, only says what it would do, or only watches."""

    ON = "on"
    SHADOW = "shadow"
    OFF = "off"


class Node(Settings):
    """A member of a group: a nodeos that holds the producer's key."""

    name: Name
    url: HttpUrl
    write_url: WriteUrl | None = None
    """Where pause and resume are served, when not at `url`: another port, or unix:///path/of/socket."""
    starts_paused: bool = False
    """The operator asserts that every start of this nodeos has `pause-on-startup`."""
    proxied: bool = False
    """A reverse proxy stands between: what it takes over the network is not at the node yet."""


class Group(Settings):
    """One producer name and the nodes that may produce for it, in order of preference."""

    chain: Name
    producer: Name
    mode: Mode = Mode.STRICT
    automation: Annotated[Automation, OnOff] = Automation.SHADOW
    nodes: tuple[Node, ...] = Field(min_length=1)
    witnesses: tuple[HttpUrl, ...] = ()
    public_key: str | None = None
    """The signing key that our nodes hold; when given, the active schedule must name it."""
    loss_budget: int = Field(4, ge=1, le=12)
    """Blocks that one failure may cost; a configuration that cannot keep it is refused."""
    poll_interval: Duration = 1.0
    poll_timeout: Duration = 1.0
    gone_after: Duration = GONE_AFTER
    guard: Duration = 3.0
    """Seconds before our window in which no planned switchover may still be under way."""
    cooldown: Duration = 1800.0
    per_day: int = Field(2, ge=1)
    notify: tuple[Name, ...] | None = None
    """Sinks that are told of takeovers; all of them when left out."""

    @field_validator("nodes")
    @classmethod
    def _names_differ(cls, nodes: tuple[Node, ...]) -> tuple[Node, ...]:
        names = [node.name for node in nodes]
        for name in names:
            if names.count(name) > 1:
                raise PydanticCustomError("twice", "node {name} is listed twice", {"name": name})
        return nodes

    @field_validator("gone_after")
    @classmethod
    def _long_enough(cls, seconds: float) -> float:
        if seconds < GONE_AFTER:
            raise PydanticCustomError("gone", "write 2s or more: less does not prove that a process is gone")
        return seconds

    @model_validator(mode="after")
    def _keeps_its_budget(self) -> Self:
        seconds = self.gone_after + ACT_SECONDS
        slots = int(seconds / SLOT_SECONDS)
        if slots > self.loss_budget:
            raise PydanticCustomError(
                "budget",
                "gone_after {gone} s + {act} s to act = {seconds} s, that is {slots} slots of 0.5 s, "
                "but loss_budget is {budget}; lower gone_after or raise loss_budget",
                {"gone": self.gone_after, "act": ACT_SECONDS, "seconds": seconds, "slots": slots,
                 "budget": self.loss_budget},
            )  # fmt: skip
        return self

    @model_validator(mode="after")
    def _witnessed(self) -> Self:
        if self.automation is not Automation.OFF and not self.witnesses:
            raise PydanticCustomError(
                "witness", "`witnesses` is missing: name at least one node that does not produce for us, "
                "or write `automation: off`",
            )  # fmt: skip
        return self


class SlackSink(Settings):
    """A Slack incoming webhook; its URL is a credential and stands in a file."""

    type: Literal["slack"]
    webhook_url_file: Secret
    timeout: Duration = 5.0


Sink = SlackSink
"""Sinks by `type`; a union once there are more."""


class Failover(Settings):
    """Ask the group that the alert's `group` label names whether it should fail over."""


class Do(Settings):
    """One thing to do about an alert: exactly one key."""

    failover: Failover | None = None
    notify: Annotated[tuple[Name, ...] | None, BeforeValidator(_one_or_many)] = None

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


class WebhookAuth(Settings):
    """Credentials of Alertmanager; two bearer files are valid at once while one is being rotated."""

    bearer_file: Annotated[tuple[Secret, ...], BeforeValidator(_one_or_many)] = Field(max_length=2)


class Operator(Settings):
    """A person (or script) that may use the API."""

    password_bcrypt: str
    role: Literal["operator", "viewer"] = "operator"

    @field_validator("password_bcrypt")
    @classmethod
    def _is_bcrypt(cls, text: str) -> str:
        if not text.startswith(("$2a$", "$2b$", "$2y$")):
            raise PydanticCustomError("bcrypt", "write a bcrypt hash, as `htpasswd -nB NAME` makes it")
        return text


class Auth(Settings):
    """Who may talk to the actuator. Without it, it listens on loopback only."""

    webhook: WebhookAuth | None = None
    operators: dict[Name, Operator] = Field(default_factory=dict)
    allow: tuple[Network, ...] = ()
    """Networks that may connect at all; everyone when empty."""


class Config(Settings):
    """The whole of actuator.yml."""

    listen: str = DEFAULT_LISTEN
    auth: Auth = Auth()
    ledger: str
    max_alert_age: Duration = 3600.0
    """An alert that started longer ago asks for no action any more; notifications still go out."""
    external_url: HttpUrl | None = None
    """Where operators reach this actuator; used in messages."""
    groups: dict[Name, Group] = Field(default_factory=dict)
    sinks: dict[Name, Sink] = Field(default_factory=dict)
    playbook: tuple[Rule, ...] = ()

    @field_validator("listen")
    @classmethod
    def _host_and_port(cls, text: str) -> str:
        host, _, port = text.rpartition(":")
        if not host or not port.isdigit() or int(port) > 65535:
            raise PydanticCustomError("listen", "write an address and port such as 127.0.0.1:19189")
        return text

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
