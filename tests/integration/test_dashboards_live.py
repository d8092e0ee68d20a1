"""Dashboards on live servers: every panel and every variable has data.

*Block producers* and *chainwarden itself* are asked in tests/scenarios/test_takeover.py, where a whole stack runs.
"""

import itertools
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from grafana.build import DASHBOARDS
from lab.anvil import COIN, Anvil
from lab.dashboards import without_data
from lab.mosquitto import Mosquitto
from lab.oracle import Node
from lab.postgres import Postgres
from lab.prometheus import Prometheus
from lab.server import poll
from lab.stack import Program

NODE = "0x00000000000000000000000000000000000000a1"


@pytest.fixture
def anvil(tmp_path: Path) -> Iterator[Anvil]:
    with Anvil(tmp_path / "anvil") as server:
        yield server


def network(anvil: Anvil) -> dict[str, Any]:
    """Everything that exporter.yml may say of a network: two endpoints, a token, accounts, a feed."""
    token = anvil.deploy_token(10**9)
    contract = anvil.deploy_feed(700 * COIN, COIN)
    feed = {"contract": contract, "oracle": anvil.accounts[1], "token": "PLI", "low": 50}
    anvil.submit(contract, 1, anvil.accounts[1])
    return {
        "chain_id": anvil.chain_id,
        "coin": "XDC",
        "rpc": [{"name": "a", "url": anvil.url, "ws": anvil.ws}, {"name": "b", "url": anvil.url}],
        "interval": "500ms",
        "balances_every": "500ms",
        "feeds_every": "500ms",
        "tokens": {"PLI": token},
        "accounts": [{"name": "node", "address": anvil.accounts[5], "low": 10}],
        "feeds": {"btc": feed},
    }


def spend_and_top_up(anvil: Anvil, turn: int) -> None:
    """The account has 10 coins less an hour later; at every third turn it is given 50."""
    if turn % 3 == 2:
        anvil.send(anvil.accounts[5], 50)
    else:
        anvil.send(NODE, 10, anvil.accounts[5])
    anvil.mine(after=3600)


def test_every_panel_of_accounts_and_rpc_has_data(anvil: Anvil, tmp_path: Path) -> None:
    exporter = Program("exporter", "exporter", tmp_path / "exporter", {"networks": {"xdc": network(anvil)}})
    scrape = (
        "scrape_configs: [{job_name: chainwarden-exporter, scrape_interval: 1s, scrape_timeout: 1s, "
        f"static_configs: [{{targets: ['127.0.0.1:{exporter.port}']}}]}}]\n"
    )
    with exporter, Prometheus(tmp_path / "prometheus", scrape) as prometheus:
        turns = itertools.count()

        def empty() -> list[str]:
            spend_and_top_up(anvil, next(turns))
            found = without_data(prometheus, DASHBOARDS / "chainwarden-accounts.json")
            return [line for line in found if "evm_account_keys_known" not in line]  # needs a node's database

        poll(lambda: not empty(), 20, every=1.2)
        assert empty() == []


@pytest.fixture
def field(tmp_path: Path) -> Iterator[tuple[Program, Program, Program]]:
    """An exporter, an agent and an actuator around one broker, with services that run, die and do not come back."""
    word = f"live-{os.getpid()}"
    beat = tmp_path / "beat"
    beat.touch()
    runs = ["/bin/bash", "-c", f"exec -a {word}-runs sleep 600"]
    with Mosquitto(tmp_path / "broker") as broker:
        mqtt = {"host": "127.0.0.1", "port": broker.port}
        exporter = Program("exporter", "exporter", tmp_path / "exporter", {"host": "h1", "services": {
            "runs": {
                "match": f"^{word}-runs", "processes": [1, 2], "tcp": f"127.0.0.1:{broker.port}",
                "heartbeat": {"file": str(beat), "within": "1h"},
            },
        }})  # fmt: skip
        agent = Program("agent", "actuator.agent", tmp_path / "agent", {
            "host": "h1", "mqtt": mqtt, "topics": {"command": "cmd/h1", "result": "res/h1"},
            "journal": str(tmp_path / "agent.db"),
            "services": {"mark": {"commands": {"restart": ["/bin/true"]}}},
            "daemons": {
                "runs": {"start": {"argv": runs, "foreground": True}, "match": f"^{word}-runs", "watch": {
                    "checks": [{"memory": "1K", "then": "alert"}]}},
                "dies": {
                    "start": ["/bin/true"], "stop": ["/bin/true"], "match": f"^{word}-dies", "timeout": "100ms",
                    "producer": "bp", "watch": {"restart": {"at_most": 9, "backoff": {"first": "3s", "most": "3s"}}},
                },
            },
            "nodeos": {"bp": {"url": "http://127.0.0.1:9", "group": "eosstorebest", "config_dir": str(tmp_path)}},
        })  # fmt: skip
        (tmp_path / "config.ini").write_text("pause-on-startup = true\n")
        actuator = Program("actuator", "actuator", tmp_path / "actuator", {
            "ledger": f"sqlite:///{tmp_path}/ledger.db", "mqtt": mqtt,
            "hosts": {"h1": {"command_topic": "cmd/h1", "result_topic": "res/h1"}},
        })  # fmt: skip
        with exporter, agent, actuator:
            yield exporter, agent, actuator
            stop = [
                "-m",
                "actuator.cli",
                "--actuator.url",
                actuator.url,
                "send-command",
                "h1",
                "runs",
                "stop",
            ]
            assert subprocess.run([sys.executable, *stop], check=False, capture_output=True).returncode == 0


def test_every_panel_of_services_has_data(field: tuple[Program, Program, Program], tmp_path: Path) -> None:
    exporter, agent, actuator = field
    scrape = scrape_of(exporter=exporter, agent=agent, actuator=actuator)
    with Prometheus(tmp_path / "prometheus", scrape) as prometheus:

        def empty() -> list[str]:
            for command in ("restart", "no-such"):
                words = ["--actuator.url", actuator.url, "send-command", "h1", "mark", command]
                subprocess.run(
                    [sys.executable, "-m", "actuator.cli", *words], check=False, capture_output=True
                )
            return without_data(prometheus, DASHBOARDS / "chainwarden-services.json")

        poll(lambda: not empty(), 25, every=1.0)
        assert empty() == []


def scrape_of(**programs: Program) -> str:
    return "scrape_configs:\n" + "".join(
        f"- {{job_name: {name}, scrape_interval: 1s, scrape_timeout: 1s, "
        f"static_configs: [{{targets: ['127.0.0.1:{program.port}']}}]}}\n"
        for name, program in programs.items()
    )


def test_every_panel_of_oracle_node_has_data(tmp_path: Path) -> None:
    with Postgres(tmp_path / "postgres") as server:
        node = Node(server, "node", "G3")
        (tmp_path / "dsn").write_text(node.url)
        node.job(1, "BTC/USD", idle=3600)
        node.run(1, 30)
        node.run(1, 20, "running")
        node.head(2)
        node.round(1, 6, answered=True)
        node.round(1, 7, answered=False)
        oracle = {"interval": "1s", "database": {"dsn_file": str(tmp_path / "dsn")}}
        exporter = Program("exporter", "exporter", tmp_path / "exporter", {"oracles": {"plugin": oracle}})
        with exporter, Prometheus(tmp_path / "prometheus", scrape_of(exporter=exporter)) as prometheus:

            def empty() -> list[str]:
                node.error(1, 'failed to fetch answer: bridge "x" 500')
                node.run(1, 0, "errored")
                node.transaction(100)
                return without_data(prometheus, DASHBOARDS / "chainwarden-oracle.json")

            poll(lambda: not empty(), 20, every=1.0)
            assert empty() == []


def test_every_panel_of_logs_has_data(tmp_path: Path) -> None:
    (tmp_path / "black").write_text("ERROR\n")
    files = {name: tmp_path / f"{name}.log" for name in ("plugin", "nodeos")}
    for file in files.values():
        file.touch()
    config = {
        "chains": {"eos": {"nodes": {"F": {
            "url": "http://127.0.0.1:9", "role": "F", "log": {"file": str(files["nodeos"])},
        }}}},
        "logs": {"plugin": {"file": str(files["plugin"]), "black": str(tmp_path / "black"), "silent": "1h"}},
    }  # fmt: skip
    exporter = Program("exporter", "exporter", tmp_path / "exporter", config)
    with exporter, Prometheus(tmp_path / "prometheus", scrape_of(exporter=exporter)) as prometheus:

        def empty() -> list[str]:
            with files["plugin"].open("a") as log:
                log.write("2026-11-01T00:00:03.145Z [ERROR] bridge 500\n")
            with files["nodeos"].open("a") as log:
                stamp = time.strftime("%Y-%m-%dT%H:%M:%S.000", time.gmtime())
                log.write(
                    f"info  {stamp} nodeos producer_plugin.cpp:651 on_incoming_block ] Received block "
                    f"0a1b2c3d4e5f6071... #7 @ {stamp} signed by eosstorebest [trxs: 0, lib: 1]\n"
                    f"info  {stamp} nodeos fork_database.cpp:1 switch ] switching forks from a to b\n"
                )
            return without_data(prometheus, DASHBOARDS / "chainwarden-logs.json")

        poll(lambda: not empty(), 20, every=1.0)
        assert empty() == []
