"""What is known of standbys, starts, APIs, databases and schedules, on a real chain."""

from dataclasses import replace
from pathlib import Path

import pytest

from exporter.antelope.sockets import local_links
from exporter.collectors.peers import PeerSource
from exporter.configs.chains import Node
from lab.chain import Chain
from lab.health import heal
from lab.server import poll
from lab.stack import Program, exporter_config
from nodekit.http import HttpError
from nodekit.nodeos import Nodeos
from tests.integration.test_exporter import Series, series, value


def reasons(found: Series, node: str) -> set[str]:
    """Why a standby is not ready."""
    return {
        dict(labels)["reason"]
        for (name, labels), _ in found.items()
        if name == "antelope_standby_unready_reason" and dict(labels)["node"] == node
    }


def test_standbys_starts_apis_and_schedules_of_a_real_chain(chain: Chain, tmp_path: Path) -> None:
    """B is ready; restarted without its pause it is seen so; cut off it is told why it is not ready."""
    config = exporter_config(chain)
    config["chains"]["eos"]["public_keys"] = {chain.ours: "EOS_of_somebody_else"}
    with Program("exporter", "exporter", tmp_path, config) as exporter:
        ours, group = {"chain": "eos", "producer": chain.ours}, {"group": chain.ours}

        def ready(node: str) -> float | None:
            return value(series(exporter), "antelope_standby_ready", **group, node=node)

        assert poll(lambda: reasons(series(exporter), "B") == {"wrong_key"}, 30)
        found = series(exporter)
        assert ready("A") is None, "it is the active one"
        assert value(found, "antelope_producer_key_expected", **ours) == 0
        assert value(found, "antelope_schedule_producers", chain="eos", state="active") == 4
        assert value(found, "antelope_node_on_chain", node="B") == 1
        assert value(found, "antelope_api_open", node="B", category="producer_rw") == 1
        assert value(found, "antelope_api_open", node="B", category="trace_api") == 0
        free = value(found, "antelope_database_free_bytes", node="B")
        assert free is not None
        assert 0 < free < 300e6
        assert value(found, "antelope_production_paused_explicitly", node="B") == 1
        assert value(found, "antelope_node_starts_paused", node="B", how="seen") is None

        chain["B"].restart(paused=False)
        assert poll(
            lambda: value(series(exporter), "antelope_node_starts_paused", node="B", how="seen") == 0, 10
        )
        assert value(series(exporter), "antelope_node_restarts_total", node="B") == 1
        chain["B"].pause()
        chain["B"].cut()
        assert poll(lambda: {"no_links", "head_late"} <= reasons(series(exporter), "B"), 30)
    heal(chain)


def test_links_of_a_node_that_closes_its_net_api_are_counted_by_its_sockets(chain: Chain) -> None:
    """B dials the world and A, C dials B; a client of its API is no link. The table agrees with an open API."""
    member = chain["B"]
    spec, address = member.spec, f"127.0.0.1:{member.http_port}"
    words = [
        "--http-server-address",
        "http-category-address",
        "--http-category-address",
        f"chain_ro,{address}",
    ]
    member.stop()
    member.spec = replace(spec, extra=tuple(words))
    node = Node.model_validate({"url": member.url, "timeout": "10s"})
    probe, client = PeerSource("B", node, 1.0), Nodeos(member.url, timeout=10.0)
    try:
        member.restart(paused=True)
        chain["C"].mend()
        client.info()
        with pytest.raises(HttpError, match="404"):
            client.peers()

        assert [(sample.labels[1], sample.value) for sample in probe.observe(0.0)] == [
            ("inbound", 1), ("outbound", 2)
        ]  # fmt: skip
        by_api = [peer.inbound for peer in chain["C"].reader.peers() if peer.connected]
        assert local_links(chain["C"].url) == (sum(by_api), len(by_api) - sum(by_api)) == (0, 3)
    finally:
        probe.close()
        client.close()
        member.stop()
        member.spec = spec
        heal(chain)
