"""PURE: answers of a nodeos HTTP API as frozen values. Times are unix seconds."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from nodekit.slots import parse_block_time


@dataclass(frozen=True, slots=True)
class ChainInfo:
    """get_info: block numbers, ids, unix seconds."""

    chain_id: str
    version: str
    head_num: int
    head_id: str
    head_time: float
    head_producer: str
    lib_num: int
    lib_id: str
    lib_time: float | None
    """None on nodeos generations that do not publish it."""


@dataclass(frozen=True, slots=True)
class Schedule:
    """A producer schedule: names in turn order and the signing keys of each."""

    version: int
    producers: tuple[str, ...]
    keys: tuple[tuple[str, ...], ...]

    def keys_of(self, producer: str) -> tuple[str, ...]:
        """Signing keys of a scheduled producer; empty when it is not in the schedule."""
        return dict(zip(self.producers, self.keys, strict=True)).get(producer, ())


@dataclass(frozen=True, slots=True)
class Schedules:
    """get_producer_schedule: what is active, and what may become so."""

    active: Schedule
    pending: Schedule | None
    proposed: Schedule | None


@dataclass(frozen=True, slots=True)
class Block:
    """get_block_info: one block of the node's current chain."""

    num: int
    id: str
    time: float
    producer: str
    previous: str
    schedule_version: int


@dataclass(frozen=True, slots=True)
class Peer:
    """One p2p connection as net/connections lists it."""

    address: str
    """Configured address; empty for an inbound connection."""
    connected: bool
    """A handshake took place; a configured peer that is down stays listed without one."""
    agent: str

    @property
    def inbound(self) -> bool:
        """Whether the peer dialled us."""
        return not self.address


def chain_info(raw: Mapping[str, Any]) -> ChainInfo:
    """ChainInfo of a get_info answer; raises KeyError, TypeError or ValueError."""
    lib_time = raw.get("last_irreversible_block_time")
    return ChainInfo(
        chain_id=str(raw["chain_id"]),
        version=str(raw.get("server_version_string") or raw.get("server_version", "")),
        head_num=int(raw["head_block_num"]),
        head_id=str(raw["head_block_id"]),
        head_time=parse_block_time(raw["head_block_time"]),
        head_producer=str(raw["head_block_producer"]),
        lib_num=int(raw["last_irreversible_block_num"]),
        lib_id=str(raw["last_irreversible_block_id"]),
        lib_time=None if lib_time is None else parse_block_time(lib_time),
    )


def schedules(raw: Mapping[str, Any]) -> Schedules:
    """Schedules of a get_producer_schedule answer; raises KeyError, TypeError or ValueError."""
    active = _schedule(raw["active"])
    if active is None:
        raise ValueError("no active schedule")
    return Schedules(active, _schedule(raw.get("pending")), _schedule(raw.get("proposed")))


def _schedule(raw: Mapping[str, Any] | None) -> Schedule | None:
    if not raw or not raw["producers"]:
        return None
    rows = raw["producers"]
    return Schedule(
        version=int(raw["version"]),
        producers=tuple(str(row["producer_name"]) for row in rows),
        keys=tuple(_keys(row) for row in rows),
    )


def _keys(row: Mapping[str, Any]) -> tuple[str, ...]:
    """Keys of a schedule row: `authority` since EOSIO 2.0, one `block_signing_key` before."""
    if "authority" in row:
        return tuple(str(entry["key"]) for entry in row["authority"][1]["keys"])
    return (str(row["block_signing_key"]),)


def block(raw: Mapping[str, Any]) -> Block:
    """Block of a get_block_info or get_block answer; raises KeyError, TypeError or ValueError."""
    return Block(
        num=int(raw["block_num"]),
        id=str(raw["id"]),
        time=parse_block_time(raw["timestamp"]),
        producer=str(raw["producer"]),
        previous=str(raw["previous"]),
        schedule_version=int(raw["schedule_version"]),
    )


def peer(raw: Mapping[str, Any]) -> Peer:
    """Peer of one net/connections row; raises KeyError, TypeError or ValueError."""
    handshake = raw["last_handshake"]
    return Peer(
        address=str(raw["peer"]),
        connected=int(handshake["network_version"]) != 0,
        agent=str(handshake.get("agent", "")),
    )
