"""Many nodes that answer as nodeos does, each on a port of its own: one process, for measurements.

    python -m bench.nodes COUNT

Prints a JSON list of ports, serves until standard input closes, then prints for each port the monotonic
times at which get_info was asked. The node at index 0 accepts and never answers.
"""

import asyncio
import json
import sys
import time
from datetime import UTC, datetime

from nodekit.slots import current_slot, owner, slot_time

PRODUCERS = tuple(f"producer{letter}" for letter in "abcdefghijklmnopqrstu")
BIRTH = current_slot(time.time()) - 500_000
"""Slot of block 0: every slot since has a block."""


def _written(slot: int) -> str:
    moment = datetime.fromtimestamp(slot_time(slot), UTC).replace(tzinfo=None)
    return moment.isoformat(timespec="milliseconds")


def answer(path: str, body: bytes) -> object:
    """What a healthy node says now."""
    slot = current_slot(time.time()) - 1
    if path == "/v1/chain/get_info":
        return {
            "server_version": "3916ba05", "chain_id": "e4" * 32, "head_block_num": slot - BIRTH,
            "last_irreversible_block_num": slot - BIRTH - 325, "last_irreversible_block_id": "0" * 64,
            "head_block_id": f"{slot - BIRTH:064x}", "head_block_time": _written(slot),
            "head_block_producer": owner(slot, PRODUCERS), "server_version_string": "v4.1.0-dev",
            "virtual_block_cpu_limit": 428554, "virtual_block_net_limit": 1124608, "block_cpu_limit": 400000,
            "block_net_limit": 1048576, "fork_db_head_block_num": slot - BIRTH,
            "fork_db_head_block_id": "0" * 64,
            "server_full_version_string": "v4.1.0-dev-3916ba05" + "0" * 32, "total_cpu_weight": 0,
            "total_net_weight": 0, "earliest_available_block_num": 1,
            "last_irreversible_block_time": _written(slot - 325),
        }  # fmt: skip
    if path == "/v1/chain/get_block_info":
        num = int(json.loads(body)["block_num"])
        return {
            "block_num": num, "id": f"{num:064x}", "timestamp": _written(num + BIRTH),
            "previous": f"{num - 1:064x}", "producer": owner(num + BIRTH, PRODUCERS), "schedule_version": 1,
        }  # fmt: skip
    if path == "/v1/chain/get_producer_schedule":
        rows = [{"producer_name": name, "block_signing_key": "EOS1"} for name in PRODUCERS]
        return {"active": {"version": 1, "producers": rows}, "pending": None, "proposed": None}
    if path == "/v1/producer/paused":
        return False
    if path == "/v1/net/connections":
        shake = {"network_version": 1212, "agent": "world"}
        return [{"peer": f"10.0.0.{number}:9876", "last_handshake": shake} for number in range(10)]
    if path == "/v1/node/get_supported_apis":
        return {"apis": ["/v1/chain/get_info", "/v1/producer/paused", "/v1/net/connections"]}
    return {"free_bytes": 262_821_488, "used_bytes": 5_612_944, "size": 268_434_432, "indices": []}


class Face(asyncio.Protocol):
    """One connection of one node."""

    def __init__(self, asked: list[float], *, silent: bool) -> None:
        self._asked = asked
        self._silent = silent
        self._buffer = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the way back."""
        self._transport: asyncio.WriteTransport = transport  # type: ignore[assignment]

    def data_received(self, data: bytes) -> None:
        """Answer every whole request."""
        self._buffer += data
        while (end := self._buffer.find(b"\r\n\r\n")) >= 0:
            head = self._buffer[:end].decode("latin-1")
            length = next(
                (int(line[15:]) for line in head.split("\r\n") if line.lower().startswith("content-length:")),
                0,
            )
            if len(self._buffer) < end + 4 + length:
                return
            body, self._buffer = self._buffer[end + 4 : end + 4 + length], self._buffer[end + 4 + length :]
            path = head.split(" ", 2)[1]
            if path == "/v1/chain/get_info":
                self._asked.append(time.monotonic())
            if not self._silent:
                text = json.dumps(answer(path, body)).encode()
                self._transport.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(text), text))


async def serve(count: int) -> None:
    """Serve until standard input ends."""
    loop = asyncio.get_running_loop()
    asked: list[list[float]] = [[] for _ in range(count)]
    servers = [
        await loop.create_server(lambda at=index: Face(asked[at], silent=at == 0), "127.0.0.1", 0)  # type: ignore[misc]
        for index in range(count)
    ]
    print(json.dumps([server.sockets[0].getsockname()[1] for server in servers]), flush=True)
    await loop.run_in_executor(None, sys.stdin.read)
    print(json.dumps(asked), flush=True)


if __name__ == "__main__":
    asyncio.run(serve(int(sys.argv[1])))
