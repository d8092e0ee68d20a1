"""What actuator.yml may say of producer groups."""

from enum import StrEnum
from typing import Annotated, Self

from pydantic import Field, field_validator, model_validator
from pydantic_core import PydanticCustomError

from actuator.configs.budget import Times, sums
from nodekit.settings import Duration, OnOff, Settings
from nodekit.words import HttpUrl, Name, NodeUrl

GONE_AFTER = 2.0
"""Seconds of refused connections that prove a process gone (ADR 0002); no config goes below."""


class Mode(StrEnum):
    """`strict`: never resume without a confirmed fence. `bounded`: also when witnesses see that nobody
    produces for us (ADR 0009); then two may produce for a moment, and never unnoticed."""

    STRICT = "strict"
    BOUNDED = "bounded"


class Automation(StrEnum):
    """Whether a group acts by itself, only says what it would do, or only watches."""

    ON = "on"
    SHADOW = "shadow"
    OFF = "off"


class Trigger(StrEnum):
    """What may begin a takeover: the watch loop's own look, or only an alert that asks for one."""

    WATCH = "watch"
    ALERTS = "alerts"


class Node(Settings):
    """A member of a group: a nodeos that holds the producer's key."""

    name: Name
    """What commands, messages and the label `node` call it."""
    url: HttpUrl
    """Where its API is."""
    write_url: NodeUrl | None = None
    """Where pause and resume are served, when not at `url`: another port, or unix:///path/of/socket."""
    via: str | None = Field(None, pattern=r"^agent:[A-Za-z0-9_.-]+(/[A-Za-z0-9_.-]+)?$")
    """`agent:HOST` or `agent:HOST/SERVICE`: pause and resume go through that host's agent; SERVICE is the
    name under `nodeos` in its agent.yml, this node's name when left out."""
    starts_paused: bool = False
    """The operator asserts that every start of this nodeos has `pause-on-startup`."""
    proxied: bool = False
    """A reverse proxy stands between: what it takes over the network is not at the node yet."""

    @property
    def agent_host(self) -> str | None:
        """The host whose agent pauses and resumes it."""
        return None if self.via is None else self.via.removeprefix("agent:").partition("/")[0]

    @property
    def agent_service(self) -> str:
        """Its service there."""
        return (self.via or "").partition("/")[2] or self.name

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        if self.via is not None and self.write_url is not None:
            raise PydanticCustomError("via", "write `via` or `write_url`, not both")
        return self


class Group(Settings):
    """One producer name and the nodes that may produce for it, in order of preference."""

    chain: Name
    """The chain's name, for messages and labels."""
    producer: Name
    """The name in the schedule."""
    mode: Mode = Mode.STRICT
    automation: Annotated[Automation, OnOff] = Automation.SHADOW
    trigger: Trigger = Trigger.WATCH
    nodes: tuple[Node, ...] = Field(min_length=1)
    witnesses: tuple[HttpUrl, ...] = ()
    """Nodes that do not produce for us: they show what the chain really has. `mode: bounded` needs two."""
    public_key: str | None = None
    """The signing key that our nodes hold; when given, the active schedule must name it."""
    loss_budget: int | None = Field(None, ge=1, le=12)
    """Blocks that trouble in our window may cost; a configuration whose times add up to more is refused, with
    the sum. When left out: 4, and 4 more each for `mode: bounded` and `trigger: alerts`, which are slower."""
    poll_interval: Duration = 1.0
    """Time between looks at each node; a quarter of a second at most while our window is open."""
    poll_timeout: Duration = 1.0
    """How long one look may take; half a second at most while our window is open."""
    gone_after: Duration = GONE_AFTER
    """Refused connections for this long prove a process gone; not less than 2s."""
    guard: Duration = 3.0
    """Seconds before our window in which no planned switchover may still be under way."""
    cooldown: Duration = 1800.0
    """After an automatic takeover the next one within this time is left to a human."""
    per_day: int = Field(2, ge=1)
    """Automatic takeovers within 24 hours; the next one is left to a human."""
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
        times = Times(
            gone_after=self.gone_after, poll_interval=self.poll_interval, poll_timeout=self.poll_timeout,
            bounded=self.mode is Mode.BOUNDED, on_alert=self.trigger is Trigger.ALERTS,
        )  # fmt: skip
        budget = times.usual_budget if self.loss_budget is None else self.loss_budget
        for one in sums(times):
            if one.slots > budget:
                raise PydanticCustomError(
                    "budget",
                    "{terms} = {seconds} s, that is {slots} slots of 0.5 s, but loss_budget is {budget}; "
                    "{remedy} or raise loss_budget",
                    {"terms": one.terms, "seconds": f"{one.seconds:.2f}".rstrip("0").rstrip("."),
                     "slots": one.slots, "budget": budget, "remedy": one.remedy},
                )  # fmt: skip
        return self

    @model_validator(mode="after")
    def _twice_witnessed(self) -> Self:
        if self.mode is Mode.BOUNDED and len(set(self.witnesses)) < 2:
            raise PydanticCustomError(
                "bounded", "mode bounded needs two `witnesses` that agree; name two different nodes, "
                "or write `mode: strict`",
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
