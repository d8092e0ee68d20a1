"""What exporter.yml may say."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated, Self
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, ValidationInfo, field_validator, model_validator
from pydantic_core import PydanticCustomError

from nodekit.settings import Duration, Settings

DEFAULT_LISTEN = "127.0.0.1:19188"


def _http_url(text: str) -> str:
    parts = urlsplit(text)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.username or parts.query:
        raise PydanticCustomError("url", "write an address such as http://10.0.0.1:8888")
    return text.rstrip("/")


HttpUrl = Annotated[str, AfterValidator(_http_url)]


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
    timeout: Duration = 1.0


class Chain(Settings):
    """An Antelope chain: whose producers are ours, and the nodes that show it."""

    producers: tuple[str, ...] = ()
    interval: Duration = 1.0
    """Time between looks at each node."""
    nodes: dict[str, Node] = Field(min_length=1)

    @field_validator("nodes")
    @classmethod
    def _groups_exist(cls, nodes: dict[str, Node], info: ValidationInfo) -> dict[str, Node]:
        producers = info.data.get("producers", ())
        for name, node in nodes.items():
            if node.group is not None and node.group not in producers:
                known = ", ".join(producers) or "there are none"
                raise PydanticCustomError(
                    "group", "node {name}: group {group} is not among the chain's producers ({known})",
                    {"name": name, "group": node.group, "known": known},
                )  # fmt: skip
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
        for chain, settings in self.chains.items():
            for node in settings.nodes:
                if node in seen:
                    raise PydanticCustomError(
                        "twice", "node {node} is in the chains {first} and {chain}: rename one of them",
                        {"node": node, "first": seen[node], "chain": chain},
                    )  # fmt: skip
                seen[node] = chain
        return self
