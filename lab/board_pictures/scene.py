"""What the dashboards show, on real servers: a chain and a takeover, an EVM chain, an oracle, services."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Self

from lab.anvil import COIN, Anvil
from lab.blocks import BlockCollector
from lab.chain import Chain
from lab.oracle import Node
from lab.postgres import Postgres
from lab.server import ServerError, poll
from lab.slack import Slack
from lab.stack import GROUP, Stack, exporter_config
from nodekit.slots import slot_of

KILL_AT = 5
"""Which block of the window is the last of the node that is killed."""
ACCOUNTS = ("0x00000000000000000000000000000000000000a1", "0x00000000000000000000000000000000000000a2")
JOBS = {1: "BTC/USD", 2: "ETH/USD", 3: "PLI/USD"}


@contextmanager
def scene(folder: Path) -> Iterator[str]:
    """The address of a Prometheus that has seen it all, after about three minutes. Raises ServerError."""
    with (
        Slack() as slack, Postgres(folder / "postgres") as database, Anvil(folder / "anvil") as anvil,
        Chain(folder / "chain") as chain,
    ):  # fmt: skip
        chain.load(rate=4.0)
        node = _oracle(database, folder)
        stack = Stack(folder, chain, slack)
        beat = folder / "worker.beat"
        config = _chains(chain) | _network(anvil, folder) | _oracles(folder) | _services(stack, beat)
        stack.exporter.write({**config, "listen": f"127.0.0.1:{stack.exporter.port}"})
        with stack, Life(anvil, node, beat):
            _story(stack)
            yield stack.prometheus.url


def _chains(chain: Chain) -> dict[str, Any]:
    config = exporter_config(chain)
    for name, node in config["chains"]["eos"]["nodes"].items():
        node["log"] = {"file": str(chain[name].log_path)}
    return {**config, "host": "tokyo"}


def _network(anvil: Anvil, folder: Path) -> dict[str, Any]:
    token = anvil.deploy_token(10**9 * COIN)
    for account, coins in zip(ACCOUNTS, (400, 12), strict=True):
        anvil.set_balance(account, coins * COIN)
        anvil.call("anvil_impersonateAccount", account)
        anvil.send_token(token, account, coins * COIN)
    feed = {"contract": anvil.deploy_feed(700 * COIN, 3 * COIN), "oracle": anvil.accounts[1], "token": "PLI"}
    anvil.submit(feed["contract"], 1, anvil.accounts[1])
    network = {
        "chain_id": anvil.chain_id,
        "coin": "XDC",
        "rpc": [{"name": "own", "url": anvil.url, "ws": anvil.ws}, {"name": "paid", "url": anvil.url}],
        "interval": "1s",
        "balances_every": "1s",
        "feeds_every": "1s",
        "tokens": {"PLI": token},
        "accounts": [
            {"name": "node-1", "address": ACCOUNTS[0], "low": {"XDC": 10, "PLI": 100}, "runway": "7d"},
            {"name": "node-2", "address": ACCOUNTS[1], "low": {"XDC": 10, "PLI": 100}, "runway": "7d"},
        ],
        "keys": {"plugin": {"dsn_file": str(folder / "dsn"), "low": 10}},
        "feeds": {"btc-usd": feed},
    }
    return {"networks": {"xdc": network}}


def _oracle(database: Postgres, folder: Path) -> Node:
    node = Node(database, "plugin", "G3")
    node.sql(
        "CREATE TABLE evm.key_states (id serial, address bytea, disabled bool, evm_chain_id numeric)",
        f"INSERT INTO evm.key_states VALUES (1, '\\x{ACCOUNTS[0][2:]}', false, 51)",  # noqa: S608 - our own constant
    )
    for number, name in JOBS.items():
        node.job(number, name, idle=120)
    node.job(4, "weather", kind="directrequest")
    (folder / "dsn").write_text(node.url)
    return node


def _oracles(folder: Path) -> dict[str, Any]:
    return {"oracles": {"plugin": {"interval": "1s", "database": {"dsn_file": str(folder / "dsn")}}}}


def _services(stack: Stack, beat: Path) -> dict[str, Any]:
    prometheus, alertmanager, node = stack.prometheus, stack.alertmanager, stack.chain["A"]
    services = {
        "prometheus": {
            "match": "prometheus",
            "cwd": str(prometheus.dir),
            "http": f"{prometheus.url}/-/ready",
        },
        "alertmanager": {"match": "alertmanager", "cwd": str(alertmanager.dir)},
        "nodeos-a": {"match": "nodeos", "cwd": str(node.dir), "tcp": f"127.0.0.1:{node.http_port}"},
        "worker": {"heartbeat": {"file": str(beat), "within": "10s"}},
    }
    return {"services": services}


def _story(stack: Stack) -> None:
    """A switchover and back, then a crash in our window, a takeover, and the return of the dead node."""
    chain = stack.chain
    _must(stack.await_phase("steady", 60), "steady")
    for name in ("B", "A"):
        _must(stack.cli("switchover", GROUP, "--to", name).returncode == 0, f"moved to {name}")
    last = BlockCollector(chain).next_window().first_slot + KILL_AT
    _must(poll(lambda: slot_of(chain.world.info().head_time) >= last, 60, every=0.01), "in our window")
    chain["A"].kill9()
    _must(poll(lambda: bool(stack.group()["holder"] == "B"), 60), "taken over")
    time.sleep(15)
    chain["A"].restart(paused=True)
    _must(stack.await_phase("steady", 90), "steady again")
    time.sleep(30)


def _must(good: bool, what: str) -> None:  # noqa: FBT001 - reads as a sentence
    if not good:
        raise ServerError(f"the group was not {what} in time")


class Life:
    """What happens all the time: coins are spent and topped up, jobs run and fail, a worker's heart beats."""

    def __init__(self, anvil: Anvil, node: Node, beat: Path) -> None:
        self._anvil, self._node, self._beat = anvil, node, beat
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._live, name="life")

    def _live(self) -> None:
        turn = 0
        while not self._over.wait(1.0):
            turn += 1
            self._spend(turn)
            self._work(turn)
            if turn % 60 < 45:  # it misses its time once a minute
                self._beat.touch()

    def _spend(self, turn: int) -> None:
        for account, part in zip(ACCOUNTS, (0.002, 0.0005), strict=True):
            self._anvil.send(self._anvil.accounts[9], part * (1 + turn % 5), account)
        if turn % 70 == 0:
            self._anvil.send(ACCOUNTS[1], 5)

    def _work(self, turn: int) -> None:
        node = self._node
        node.head(0)
        for number in JOBS:
            if turn % (10 + 5 * number) == 0:
                state = "errored" if turn % 60 == 0 else "completed"
                node.run(number, 0, state)
                node.round(number, turn, answered=state == "completed")
        if turn % 60 == 0:
            node.error(2, 'failed to fetch answer: bridge "coinapi" returned status 502')
        if turn % 40 == 0:
            node.transaction(0)
        if turn % 40 == 20:
            node.sql("UPDATE evm.txes SET state = 'confirmed'")

    def __enter__(self) -> Self:
        self._beat.touch()
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()
