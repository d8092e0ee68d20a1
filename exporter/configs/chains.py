"""What exporter.yml may say of chains: whose producers are ours, and the nodes that show them."""

import re
from enum import StrEnum
from typing import Annotated

from pydantic import (
    AfterValidator,
    Field,
    ValidationError,
    ValidationInfo,
    field_serializer,
    field_validator,
)
from pydantic_core import PydanticCustomError

from exporter.configs.logs import Lines
from nodekit.http import redact
from nodekit.settings import Settings
from nodekit.words import NodeUrl, Time, Words, problem


def _chain_id(text: str) -> str:
    if not re.fullmatch("[0-9a-f]{64}", text):
        raise PydanticCustomError("chain_id", "write the 64 hexadecimal digits that get_info calls chain_id")
    return text


ChainId = Annotated[str, AfterValidator(_chain_id)]


class Role(StrEnum):
    """eoskeeper's roles: A, B, C hold the producer's key in order of preference, F is a full node."""

    A = "A"
    B = "B"
    C = "C"
    F = "F"


class Node(Settings):
    """A nodeos to watch."""

    url: NodeUrl
    """Where its API is."""
    producer_url: NodeUrl | None = None
    """Where its producer API is for reading, if that category has an address of its own."""
    net_url: NodeUrl | None = None
    """The same for the net API."""
    db_url: NodeUrl | None = None
    """The same for db_size."""
    role: Role = Role.F
    group: str | None = None
    """The producer group that it is a member of; one of the chain's `producers`."""
    starts_paused: bool = False
    """The operator asserts that every start of it has `pause-on-startup`; the actuator uses that."""
    timeout: Time = 1.0
    """How long one request to it may take."""
    log: Lines | None = None
    """Where its log is on this host."""

    @field_serializer("url", "producer_url", "net_url", "db_url")
    def _without_path(self, url: str | None) -> str | None:
        """A path may hold a provider's key, and what is written out is shown at /config."""
        return url if url is None or url.startswith("unix:") else redact(url)

    @property
    def addresses(self) -> tuple[str, ...]:
        """All its addresses, each once."""
        every = (self.url, self.producer_url, self.net_url, self.db_url)
        return tuple(dict.fromkeys(url for url in every if url is not None))


class Chain(Settings):
    """An Antelope chain: whose producers are ours, and the nodes that show it."""

    chain_id: ChainId | None = None
    """The id that all its nodes have to say; when left out, the one that most of them say is right."""
    producers: tuple[str, ...] = ()
    """Producers that are ours: alerts are about these; blocks of all are accounted."""
    public_keys: dict[str, str] = Field(default_factory=dict)
    """Producer → the signing key that the schedule should name for it."""
    interval: Time = 1.0
    """Time between looks at each node."""
    nodes_files: Words = ()
    """Files with more nodes (patterns), in the form of Prometheus's file_sd; read again when they change."""
    nodes: dict[str, Node] = Field(default_factory=dict, validate_default=True)

    @field_validator("nodes")
    @classmethod
    def _groups_exist(cls, nodes: dict[str, Node], info: ValidationInfo) -> dict[str, Node]:
        if not nodes and not info.data.get("nodes_files", True):
            raise PydanticCustomError("nodes", "write at least one node, or nodes_files")
        if "producers" not in info.data:
            return nodes  # they are wrong themselves; that is told already
        producers = info.data["producers"]
        known = ", ".join(producers) or "there are none"
        problems = [
            problem(
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
