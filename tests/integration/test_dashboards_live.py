"""Dashboards on live servers: every panel and every variable has data.

*Block producers* and *chainwarden itself* are asked in tests/scenarios/test_takeover.py, where a whole stack runs.
"""

import itertools
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from grafana.build import DASHBOARDS
from lab.anvil import COIN, Anvil
from lab.dashboards import without_data
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
    feed = {"contract": anvil.deploy_feed(700 * COIN, COIN), "oracle": NODE, "token": "PLI"}
    return {
        "chain_id": anvil.chain_id,
        "coin": "XDC",
        "rpc": [{"name": "a", "url": anvil.url, "ws": anvil.ws}, {"name": "b", "url": anvil.url}],
        "interval": "500ms",
        "balances_every": "500ms",
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
