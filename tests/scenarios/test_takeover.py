"""A whole chainwarden around the shared chain: the crash of the active node, seen from every side."""

import time

import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_openmetrics
from prometheus_client.parser import text_string_to_metric_families as parse_text

from grafana.build import DASHBOARDS
from lab.blocks import BlockCollector
from lab.chain import Chain
from lab.dashboards import without_data
from lab.server import poll
from lab.slack import Slack
from lab.stack import GROUP, Stack
from lab.webcall import get_json
from nodekit.http import request, session
from nodekit.slots import slot_of


def get(url: str, accept: str = "") -> str:
    with session() as http:
        headers = {"Accept": accept, "Connection": "close"}
        return request(http, "GET", url, timeout=5, headers=headers).body.decode()


def value(text: str, name: str, **labels: str) -> float | None:
    """A series' value in exposition text; None when it is absent."""
    for family in parse_text(text):
        for sample in family.samples:
            if sample.name == name and labels.items() <= sample.labels.items():
                return sample.value
    return None


@pytest.fixture
def stack(chain: Chain, slack: Slack, tmp_path_factory: pytest.TempPathFactory):  # type: ignore[no-untyped-def]
    with Stack(tmp_path_factory.mktemp("stack"), chain, slack) as running:
        assert running.await_ready(60), running.group()
        yield running


def test_a_crash_in_the_window_is_taken_over_announced_and_never_doubled(stack: Stack, slack: Slack) -> None:
    chain = stack.chain
    blocks = BlockCollector(chain)
    window = blocks.next_window()
    poll(lambda: slot_of(chain.world.info().head_time) >= window.first_slot + 4, 60, every=0.01)

    chain["A"].kill9()

    began = slack.wait_for(lambda message: "takes over" in message.text, 20)
    verified = slack.wait_for(lambda message: "takeover verified" in message.text, 20)
    truth = blocks.settle(window.last_slot)
    strip = truth.strip(window.first_slot, window.last_slot)
    assert truth.doubled(window.first_slot, window.last_slot) == 0
    assert strip[0] == "A" and strip[-1] == "B"
    # Two seconds prove the node gone: four blocks, one more on a busy machine.
    assert truth.missed(window.first_slot, window.last_slot) <= 5
    assert "What you do" in began.text and "chainwarden explain" in began.text
    assert f"{truth.missed(window.first_slot, window.last_slot)} blocks missed" in verified.text
    _the_alert_attached_to_the_takeover(stack)
    _the_metrics_tell_the_same(stack)
    _no_alert_but_its_own_is_critical(stack)
    _an_operator_sees_it(stack)
    _nothing_happens_when_the_dead_node_returns(stack, blocks)
    _every_panel_has_data(stack)


def _the_alert_attached_to_the_takeover(stack: Stack) -> None:
    def questions() -> list[dict[str, object]]:
        rows = stack.history()["steps"]
        return [row for row in rows if row["action"] == "failover" and row["state"] == "ok"]

    assert poll(lambda: bool(questions()), 20), "Alertmanager's question never arrived"
    assert all("attached to" in str(row["detail"]) for row in questions())


def _the_metrics_tell_the_same(stack: Stack) -> None:
    text = get(f"{stack.exporter.url}/metrics")
    own = get(f"{stack.actuator.url}/metrics")

    assert value(text, "antelope_group_active_nodes", group=GROUP) == 1
    assert value(text, "antelope_group_unreachable_nodes", group=GROUP) == 1
    assert value(text, "chainwarden_probe_success", probe="nodeos", target="A") == 0
    assert value(text, "antelope_head_block_number", node="A") is None
    assert value(own, "chainwarden_group_holder", group=GROUP, node="B") == 1
    assert value(own, "chainwarden_failover_missed_blocks_total", group=GROUP, cause="crash") is not None
    openmetrics = "application/openmetrics-text; version=1.0.0"
    for url in (stack.exporter.url, stack.actuator.url):
        assert list(parse_openmetrics(get(f"{url}/metrics", openmetrics)))


def _no_alert_but_its_own_is_critical(stack: Stack) -> None:
    fired = 'max by (alertname) (max_over_time(ALERTS{alertstate="firing",severity="critical"}[5m]))'

    def names() -> set[str]:
        return {found["metric"]["alertname"] for found in stack.prometheus.query(fired)}

    assert poll(lambda: "AntelopeNodeDown" in names(), 15)
    assert names() == {"AntelopeNodeDown", "AntelopeProducerDown"}


def _an_operator_sees_it(stack: Stack) -> None:
    explained = stack.cli("explain", GROUP)
    history = stack.cli("history")
    refused = stack.cli("switchover", GROUP, "--to", "A")

    assert explained.returncode == 0 and "counts as fenced: A is gone" in explained.stdout
    assert "takeover A→B: verified" in history.stdout
    assert refused.returncode == 1 and "A does not answer" in refused.stderr


def _every_panel_has_data(stack: Stack) -> None:
    """After a takeover every panel has something to show, also those of failures; some know it after a minute."""

    def empty() -> list[str]:
        boards = (DASHBOARDS / f"{name}.json" for name in ("chainwarden-producers", "chainwarden-itself"))
        return [found for board in boards for found in without_data(stack.prometheus, board)]

    poll(lambda: not empty(), 40, every=2.0)
    assert empty() == []


def _nothing_happens_when_the_dead_node_returns(stack: Stack, blocks: BlockCollector) -> None:
    chain = stack.chain
    chain["A"].restart(paused=True)
    window = blocks.next_window()

    truth = blocks.settle(window.last_slot)

    assert truth.strip(window.first_slot, window.last_slot) == "B" * 12
    assert chain["A"].paused()
    assert [row["kind"] for row in stack.history()["incidents"]] == ["takeover"]
    _delivering_the_alert_again_changes_nothing(stack)


def _delivering_the_alert_again_changes_nothing(stack: Stack) -> None:
    before = {row["key"]: row["finished_at"] for row in stack.history()["steps"] if row["epoch"] is not None}
    labels = {
        "alertname": "AntelopeProducerDown",
        "action": "failover",
        "severity": "critical",
        "group": GROUP,
    }
    for offset in (30, 60, 90):
        started = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() - offset))
        stack.alertmanager.send([{"labels": labels, "annotations": {}, "startsAt": started}])
        time.sleep(1.5)
    after = {row["key"]: row["finished_at"] for row in stack.history()["steps"] if row["epoch"] is not None}

    assert after == before
    assert get_json(f"{stack.actuator.url}/api/groups/{GROUP}")["phase"] == "steady"
