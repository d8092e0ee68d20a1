"""What exporter.yml may say."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated, Self
from urllib.parse import urlsplit

from pydantic import (
    AfterValidator,
    Field,
    ValidationError,
    ValidationInfo,
    field_serializer,
    field_validator,
    model_validator,
)
from pydantic_core import InitErrorDetails, PydanticCustomError

from nodekit.http import redact
from nodekit.settings import Duration, Settings

DEFAULT_LISTEN = "127.0.0.1:19188"
SHORTEST = 0.1
"""Seconds: a block takes five times that, and nothing may be asked without a pause."""


def _http_url(text: str) -> str:
    parts = urlsplit(text)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.username or parts.query:
        raise PydanticCustomError("url", "write an address such as http://10.0.0.1:8888")
    return text.rstrip("/")


def _some_time(seconds: float) -> float:
    if seconds < SHORTEST:
        raise PydanticCustomError("short", "write 100ms or more")
    return seconds


def _problem(where: tuple[str, ...], text: str, values: dict[str, str]) -> InitErrorDetails:
    """A problem at a key below the one that is being validated, so that the message gives its line."""
    return InitErrorDetails(type=PydanticCustomError("reference", text, values), loc=where, input=None)


HttpUrl = Annotated[str, AfterValidator(_http_url)]
Time = Annotated[Duration, AfterValidator(_some_time)]


class Role(StrEnum):
    """eoskeeper's roles: A, B, C hold the producer's key in order of preference, F is a full node."""

    A = "A"
    B = "B"
    C = "C"
    F = "F"


class Node(Settings):
    """A nodeos to watch."""

    url: HttpUrl
    role: Role = Role.F
    group: str | None = None
    """The producer group that it is a member of; one of the chain's `producers`."""
    starts_paused: bool = False
    """The operator asserts that every start of it has `pause-on-startup`; the actuator uses that."""
    timeout: Time = 1.0
    """How long one request to it may take."""

    @field_serializer("url")
    def _without_path(self, url: str) -> str:
        """A path may hold a provider's key, and what is written out is shown at /config."""
        return redact(url)


class Chain(Settings):
    """An Antelope chain: whose producers are ours, and the nodes that show it."""

    producers: tuple[str, ...] = ()
    interval: Time = 1.0
    """Time between looks at each node."""
    nodes: dict[str, Node] = Field(min_length=1)

    @field_validator("nodes")
    @classmethod
    def _groups_exist(cls, nodes: dict[str, Node], info: ValidationInfo) -> dict[str, Node]:
        if "producers" not in info.data:
            return nodes  # they are wrong themselves; that is told already
        producers = info.data["producers"]
        known = ", ".join(producers) or "there are none"
        problems = [
            _problem(
                (name, "group"), "{group} is not among the chain's producers ({known}); write one of them, "
                "or add it there", {"group": node.group, "known": known},
            )
            for name, node in nodes.items()
            if node.group is not None and node.group not in producers
        ]  # fmt: skip
        if problems:
            raise ValidationError.from_exception_data("nodes", problems)
        return nodes

    @property
    def groups(self) -> dict[str, dict[str, Node]]:
        """Group → its members in the order of the file."""
        found: dict[str, dict[str, Node]] = {}
        for name, node in self.nodes.items():
            if node.group is not None:
                found.setdefault(node.group, {})[name] = node
        return found


class Config(Settings):
    """The whole of exporter.yml."""

    listen: str = DEFAULT_LISTEN
    state_dir: Path | None = None
    """Folder in which counters survive a restart; they begin anew each time when left out."""
    chains: dict[str, Chain] = Field(default_factory=dict)

    @field_validator("listen")
    @classmethod
    def _host_and_port(cls, text: str) -> str:
        host, _, port = text.rpartition(":")
        if not host or not port.isdigit() or int(port) > 65535:
            raise PydanticCustomError("listen", "write an address and port such as 127.0.0.1:19188")
        return text

    @model_validator(mode="after")
    def _names_differ(self) -> Self:
        seen: dict[str, str] = {}
        problems: list[InitErrorDetails] = []
        for chain, settings in self.chains.items():
            for node in settings.nodes:
                if node in seen:
                    text = "is the name of a node of chain {first} already; rename one of them"
                    problems.append(_problem(("chains", chain, "nodes", node), text, {"first": seen[node]}))
                seen.setdefault(node, chain)
        if problems:
            raise ValidationError.from_exception_data("chains", problems)
        return self
