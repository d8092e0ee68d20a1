"""The shipped inhibit rules in a real Alertmanager: who is silenced by whom, and who never is."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from lab.alertmanager import Alertmanager
from lab.binaries import CHECKOUT
from lab.server import poll

NODE = {"node": "A", "chain": "eos", "group": "bp", "role": "A"}
GROUP = {"group": "bp", "chain": "eos", "producer": "bp"}
FEEDER = {"host": "h1", "service": "feeder"}
NODEOS = {"host": "h1", "service": "nodeos"}
RUNWAY = {"alertname": "RunwayShort", "network": "xdc", "asset": "XDC"}
DOWN = {"alertname": "AntelopeNodeDown", "severity": "critical", **NODE}
MISSED = {"alertname": "AntelopeProducerMissedBlocks", **GROUP}
SILENCED = [
    {"alertname": "AntelopeLibStalled", "severity": "critical", "node": "A"},
    {"alertname": "AntelopeFewPeers", "severity": "warning", **NODE},
    {**MISSED, "severity": "warning"},
    {"alertname": "AntelopeHeadStalled", "severity": "critical", "node": "C", "chain": "eos"},
    {"alertname": "ServiceDown", "severity": "critical", **FEEDER},
    {"alertname": "ServiceFlapping", "severity": "warning", **FEEDER},
    {"alertname": "ServiceDown", "severity": "critical", **NODEOS},
    {**RUNWAY, "severity": "warning", "address": "0xa"},
]
HEARD = [
    DOWN,
    {"alertname": "AntelopeAloneOnFork", "severity": "critical", "node": "C", "chain": "eos"},
    {"alertname": "AntelopeFewPeers", "severity": "warning", "node": "C", "chain": "eos"},
    {**MISSED, "severity": "critical"},
    {**MISSED, "severity": "warning", "producer": "other", "group": "other"},
    {"alertname": "AntelopeLibStalled", "severity": "critical", "node": "B"},
    {"alertname": "AntelopeProducerDown", "severity": "warning", "action": "failover", **GROUP},
    {"alertname": "AntelopeProducerDown", "severity": "critical", **GROUP},
    {"alertname": "ChainwardenProbeFailing", "severity": "warning", "probe": "production", "target": "eos"},
    {"alertname": "ServiceGaveUp", "severity": "critical", **FEEDER},
    {"alertname": "ServiceDown", "severity": "critical", "host": "h2", "service": "feeder"},
    {
        "alertname": "AntelopeProducerGaveUp",
        "severity": "critical",
        "action": "failover",
        "group": "bp",
        **NODEOS,
    },
    {**RUNWAY, "severity": "critical", "address": "0xa"},
    {**RUNWAY, "severity": "warning", "address": "0xb"},
]


@pytest.fixture
def alertmanager(tmp_path: Path) -> Iterator[Alertmanager]:
    config = (CHECKOUT / "alerting" / "alertmanager.yml").read_text()
    with Alertmanager(tmp_path, config.replace("127.0.0.1:19189", "127.0.0.1:9")) as running:
        yield running


def test_a_warning_gives_way_to_its_critical_sister_and_a_node_that_is_down_says_no_more(
    alertmanager: Alertmanager,
) -> None:
    alertmanager.send([{"labels": labels} for labels in [*HEARD, *SILENCED]])

    def silenced() -> list[dict[str, str]]:
        return [found["labels"] for found in alertmanager.alerts() if found["status"]["inhibitedBy"]]

    assert poll(lambda: len(silenced()) >= len(SILENCED), 10)
    assert sorted(map(str, map(sorted, silenced()))) == sorted(map(str, map(sorted, SILENCED)))
    assert len(alertmanager.alerts()) == len(HEARD) + len(SILENCED)
