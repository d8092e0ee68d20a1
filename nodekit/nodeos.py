"""Reads of a nodeos HTTP API as frozen values. This module can only read.

nodeos ignores the HTTP method: even a HEAD of `/v1/producer/pause` pauses the node (measured). So
every request goes through `Nodeos._read`, which refuses any path outside READ_PATHS; pausing and
resuming live with the actuator.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, TypeVar

import requests

from nodekit.http import HttpError, Reason, request, session
from nodekit.slots import parse_block_time


class ReadPath(StrEnum):
    """The paths that may be read; nothing else is ever requested."""

    INFO = "/v1/chain/get_info"
    SCHEDULE = "/v1/chain/get_producer_schedule"
    BLOCK_INFO = "/v1/chain/get_block_info"
    PAUSED = "/v1/producer/paused"
    CONNECTIONS = "/v1/net/connections"
    SUPPORTED_APIS = "/v1/node/get_supported_apis"
    DB_SIZE = "/v1/db_size/get"


READ_PATHS = frozenset(path.value for path in ReadPath)


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


class UnknownBlockError(HttpError):
    """The node does not have the block (yet, any more, or on its fork)."""


class Nodeos:
    """One node's read API over a kept connection. Every call raises HttpError, never hangs."""

    def __init__(self, url: str, timeout: float = 1.0, http: requests.Session | None = None) -> None:
        self.url = url.rstrip("/")
        self.timeout = timeout
        self._http = http or session()

    def close(self) -> None:
        """Drop the kept connection."""
        self._http.close()

    def info(self) -> ChainInfo:
        """The node's head and last irreversible block."""
        raw = self._mapping(ReadPath.INFO)
        return _shaped(ReadPath.INFO, lambda: chain_info(raw))

    def schedules(self) -> Schedules:
        """Active, pending and proposed schedules as the node's head sees them."""
        raw = self._mapping(ReadPath.SCHEDULE)
        return _shaped(ReadPath.SCHEDULE, lambda: schedules(raw))

    def block(self, num: int) -> Block:
        """The block at a height of the node's chain. Raises UnknownBlockError when it has none."""
        try:
            raw = self._mapping(ReadPath.BLOCK_INFO, {"block_num": num})
        except HttpError as error:
            if error.status in (400, 500) and "block" in str(error).lower():
                raise UnknownBlockError(
                    error.reason, f"{self.url}: has no block {num}", error.status
                ) from None
            raise
        return _shaped(ReadPath.BLOCK_INFO, lambda: block(raw))

    def paused(self) -> bool:
        """What `/v1/producer/paused` says; true also for Spring's implicit pause."""
        raw = self._read(ReadPath.PAUSED)
        if not isinstance(raw, bool):
            raise HttpError(Reason.SCHEMA, f"{ReadPath.PAUSED}: answered neither true nor false")
        return raw

    def peers(self) -> tuple[Peer, ...]:
        """p2p connections, also those that are configured but down."""
        raw = self._read(ReadPath.CONNECTIONS)
        if not isinstance(raw, list):
            raise HttpError(Reason.SCHEMA, f"{ReadPath.CONNECTIONS}: answered no list")
        return _shaped(ReadPath.CONNECTIONS, lambda: tuple(peer(item) for item in raw))

    def _mapping(self, path: ReadPath, body: Mapping[str, object] | None = None) -> Mapping[str, Any]:
        raw = self._read(path, body)
        if not isinstance(raw, dict):
            raise HttpError(Reason.SCHEMA, f"{path}: answered no JSON object")
        return raw

    def _read(self, path: str, body: Mapping[str, object] | None = None) -> object:
        """POST to an allow-listed path and decode its JSON; the only way out of this class."""
        if path not in READ_PATHS:
            raise ValueError(f"{path} is not a read path")
        data = b"" if body is None else json.dumps(body).encode()
        try:
            answer = self._send(path, data)
        except HttpError as error:
            if error.reason is not Reason.CLOSED:
                raise
            answer = self._send(path, data)  # a kept connection that the node had closed meanwhile
        try:
            return json.loads(answer)
        except ValueError:
            raise HttpError(Reason.BAD_JSON, f"{self.url}{path}: answered no JSON") from None

    def _send(self, path: str, data: bytes) -> bytes:
        return request(
            self._http, "POST", self.url + path, timeout=self.timeout, body=data, shown=self.url + path
        ).body


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


T = TypeVar("T")


def _shaped(path: ReadPath, read: Callable[[], T]) -> T:
    """Run a decoder; a missing or odd member becomes a `schema` failure that names the path."""
    try:
        return read()
    except (KeyError, TypeError, ValueError, IndexError) as error:
        message = f"{path}: unexpected answer ({type(error).__name__}: {error})"
        raise HttpError(Reason.SCHEMA, message) from None
