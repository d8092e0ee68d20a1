"""Reads of a nodeos HTTP API as frozen values. This module can only read.

nodeos ignores the HTTP method: even a HEAD of `/v1/producer/pause` pauses the node (measured). So
every request goes through `Nodeos._read`, which refuses any path outside READ_PATHS; pausing and
resuming live with the actuator.
"""

import json
from collections.abc import Callable, Mapping
from enum import StrEnum
from typing import Any, TypeVar

import requests

from nodekit.answers import Block, ChainInfo, Peer, Schedules, block, chain_info, peer, schedules
from nodekit.http import HttpError, Reason, request, session, socket_path


class ReadPath(StrEnum):
    """The paths that may be read; nothing else is ever requested."""

    INFO = "/v1/chain/get_info"
    SCHEDULE = "/v1/chain/get_producer_schedule"
    BLOCK_INFO = "/v1/chain/get_block_info"
    BLOCK = "/v1/chain/get_block"
    PAUSED = "/v1/producer/paused"
    CONNECTIONS = "/v1/net/connections"
    SUPPORTED_APIS = "/v1/node/get_supported_apis"
    DB_SIZE = "/v1/db_size/get"


READ_PATHS = frozenset(path.value for path in ReadPath)


class UnknownBlockError(HttpError):
    """The node does not have the block (yet, any more, or on its fork)."""


class Nodeos:
    """One node's read API over a kept connection. Every call raises HttpError, never hangs."""

    def __init__(self, url: str, timeout: float = 1.0, http: requests.Session | None = None) -> None:
        """Raises ValueError for an address behind which a path would not be one."""
        if "?" in url or "#" in url:
            raise ValueError(f"{url!r} is no address that paths can follow")
        self.url = url.rstrip("/")
        self.timeout = timeout
        self._http = http or session(unix=socket_path(self.url))
        self._base = "http://localhost" if socket_path(self.url) else self.url
        self.breaks = 0
        """Times that a kept connection was lost, without a word, between two answers: the node may be another
        process now. Behind a proxy it may only be the proxy's."""
        self._connection: tuple[str, int] | None = None
        self._whole_blocks = False
        """It is older than get_block_info (EOSIO before 2.1): whole blocks are read."""

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
            raw = self._block(num)
        except HttpError as error:
            if error.status in (400, 500) and "block" in str(error).lower():
                raise UnknownBlockError(
                    error.reason, f"{self.url}: has no block {num}", error.status
                ) from None
            raise
        return _shaped(ReadPath.BLOCK_INFO, lambda: block(raw))

    def _block(self, num: int) -> Mapping[str, Any]:
        if not self._whole_blocks:
            try:
                return self._mapping(ReadPath.BLOCK_INFO, {"block_num": num})
            except HttpError as error:
                if error.status != 404:
                    raise
        raw = self._mapping(ReadPath.BLOCK, {"block_num_or_id": num})
        self._whole_blocks = True
        return raw

    def supported_apis(self) -> tuple[str, ...]:
        """Paths that this address serves."""
        raw = self._mapping(ReadPath.SUPPORTED_APIS)
        return _shaped(ReadPath.SUPPORTED_APIS, lambda: tuple(str(path) for path in raw["apis"]))

    def database(self) -> tuple[int, int]:
        """Free and all bytes of the chain state database."""
        raw = self._mapping(ReadPath.DB_SIZE)
        return _shaped(ReadPath.DB_SIZE, lambda: (int(raw["free_bytes"]), int(raw["size"])))

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
        before, self._connection = self._connection, None
        try:
            answer = request(
                self._http, "POST", self._base + path, timeout=self.timeout, body=data, shown=self.url + path
            )
        except HttpError as error:
            if error.reason is Reason.CLOSED and before is not None:
                self.breaks += 1
            raise
        if None not in (before, answer.connection) and before != answer.connection:
            self.breaks += 1
        self._connection = answer.connection
        return answer.body


T = TypeVar("T")


def _shaped(path: ReadPath, read: Callable[[], T]) -> T:
    """Run a decoder; a missing or odd member becomes a `schema` failure that names the path."""
    try:
        return read()
    except (KeyError, TypeError, ValueError, IndexError) as error:
        message = f"{path}: unexpected answer ({type(error).__name__}: {error})"
        raise HttpError(Reason.SCHEMA, message) from None
