"""A producer that its host cannot bring back: the watchdog gives it up, and that moves production.

The group acts on alerts only, and the playbook knows one that asks: nothing else can be the cause.
"""

import shlex
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from lab.alertmanager import Alertmanager
from lab.binaries import CHECKOUT
from lab.blocks import BlockCollector
from lab.chain import Chain
from lab.fencing import starts_fenced
from lab.hosted import agent_config, members_of, through_agent
from lab.mosquitto import Mosquitto
from lab.prometheus import Prometheus
from lab.server import poll
from lab.slack import Slack
from lab.stack import GROUP, Program, actuator_config
from lab.webcall import get_json
from nodekit.slots import current_slot

STARTS = 2
ASKS = {"when": {"alertname": "AntelopeProducerGaveUp"}, "do": [{"failover": {}}, {"notify": ["ops"]}]}
TELLS = {"when": {"severity": ["critical", "warning"], "action": ""}, "do": [{"notify": ["ops"]}]}


@dataclass(frozen=True)
class Site:
    """One host with all members and its agent, and one actuator."""

    agent: Program
    actuator: Program

    def group(self) -> dict[str, Any]:
        found: dict[str, Any] = get_json(f"{self.actuator.url}/api/groups/{GROUP}")
        return found

    def history(self, what: str) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = get_json(f"{self.actuator.url}/api/history?limit=500")[what]
        return found

    def service(self) -> dict[str, Any]:
        found: dict[str, Any] = get_json(f"{self.agent.url}/services.json")["services"][0]
        return found


@pytest.fixture
def site(chain: Chain, slack: Slack, tmp_path: Path) -> Iterator[Site]:
    """The actuator first: it observes a round while the others start."""
    with ExitStack() as running:
        running.enter_context(starts_fenced(chain))
        broker = running.enter_context(Mosquitto(tmp_path / "broker"))
        actuator = Program(
            "actuator", "actuator", tmp_path / "actuator", asked(chain, slack, broker, tmp_path)
        )
        agent = Program("agent", "actuator.agent", tmp_path / "agent", watched(chain, broker, tmp_path))
        for server in (actuator, agent, *alerts(agent, actuator, tmp_path)):
            running.enter_context(server)
        yield Site(agent, actuator)


def asked(chain: Chain, slack: Slack, broker: Mosquitto, folder: Path) -> dict[str, Any]:
    """actuator.yml."""
    secret = folder / "slack_webhook"
    secret.write_text(slack.webhook_url)
    config = actuator_config(chain, folder, secret, "on", {"trigger": "alerts"})
    return through_agent(config, broker) | {"playbook": [ASKS, TELLS]}


def watched(chain: Chain, broker: Mosquitto, folder: Path) -> dict[str, Any]:
    """agent.yml: A's start program is what started it; after a crash nodeos ends with it (`database dirty flag`)."""
    node = chain["A"]
    start = f"echo x >> {folder}/starts; sleep 1.5; exec {shlex.join(node.command())}"
    daemon = {
        "start": {"shell": start, "env": dict(node.environment()), "foreground": True},
        "match": members_of(chain)["A"]["match"], "producer": "A", "timeout": "10s",
        "watch": {"restart": {"at_most": STARTS, "backoff": {"first": "100ms", "most": "200ms"}}},
    }  # fmt: skip
    return agent_config(chain, folder, broker, daemons={"nodeos-a": daemon})


def alerts(agent: Program, actuator: Program, folder: Path) -> tuple[Alertmanager, Prometheus]:
    """The shipped files; of the exporter there is nothing to scrape."""
    alerting = CHECKOUT / "alerting"
    hooks = (alerting / "alertmanager.yml").read_text().replace("http://127.0.0.1:19189", actuator.url)
    alertmanager = Alertmanager(folder / "alertmanager", hooks)
    text = (alerting / "prometheus.yml").read_text()
    for shipped, port in ((19188, agent.port), (19189, actuator.port), (9093, alertmanager.port)):
        text = text.replace(f"127.0.0.1:{shipped}", f"127.0.0.1:{port}")
    rules = {"rules.yml": (alerting / "rules.yml").read_text()}
    return alertmanager, Prometheus(folder / "prometheus", text, rules)


def test_a_producer_that_is_given_up_is_replaced_because_of_that_and_told_once(
    site: Site, chain: Chain, slack: Slack, tmp_path: Path
) -> None:
    blocks = BlockCollector(chain)
    assert poll(lambda: site.group()["phase"] == "steady", 40), site.group()["why"]
    assert poll(lambda: site.group()["nodes"][1]["not_ready_because"] == [], 30), site.group()["nodes"][1]
    assert site.service()["state"] == "running"
    died = current_slot(time.time())

    chain["A"].kill9()

    assert poll(lambda: "waits for an alert" in site.group()["why"], 5, every=0.02), site.group()["why"]
    assert site.service()["state"] != "gave up", "the host still tries, and the group waits"
    assert poll(lambda: site.service()["state"] == "gave up", 15, every=0.02), site.service()
    given_up = time.time()
    assert site.history("incidents") == []
    assert poll(lambda: not chain["B"].paused(), 10, every=0.02), site.group()["why"]
    assert time.time() - given_up < 5.0, "two scrapes, an evaluation, a message to Alertmanager, a webhook"
    slack.wait_for(lambda message: "takeover verified" in message.text, 40)

    (incident,) = site.history("incidents")
    assert (incident["kind"], incident["target"], incident["outcome"]) == ("takeover", "B", "verified")
    stopped = next(
        row for row in site.history("steps") if row["action"] == "pause" and row["key"].endswith("/A")
    )
    assert "no process matches, and its start is fenced by" in stopped["detail"], "0x3010"
    truth = blocks.truth()
    since = truth.strip(died + 2, current_slot(time.time()))
    assert "B" in since and set(since) <= {"B", ".", "?", " "}
    assert truth.doubled(blocks.first_slot, current_slot(time.time())) == 0
    assert (tmp_path / "starts").read_text().split() == ["x"] * STARTS
    told = [shown for one in slack.messages if "nodeos-a" in (shown := one.shown())]
    assert len(told) == 1 and "AntelopeProducerGaveUp" in told[0], told
