"""What a delivery asks of a group: the first time by a step, and again for as long as the alert fires."""

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from prometheus_client import CollectorRegistry

from actuator.alert import parse_delivery
from actuator.configs.playbook import Rule
from actuator.ledger import Ledger
from actuator.metrics import Metrics
from actuator.plan import Playbook
from actuator.webhook import Intake

ASKS = Rule.model_validate({"when": {"action": "failover"}, "do": [{"failover": {}}]})
NOW = time.time()


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    made = Ledger(f"sqlite:///{tmp_path}/ledger.db")
    yield made
    made.close()


def intake(ledger: Ledger, asked: list[str]) -> Intake:
    playbook = Playbook((ASKS,), frozenset({"bp"}), {}, max_alert_age=3600.0)
    return Intake(ledger, playbook, Metrics(CollectorRegistry()), lambda: None, lambda: NOW, asked.append)


def delivery(status: str = "firing", began: float = NOW - 5.0, **labels: str) -> Any:
    moment = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(began))
    return parse_delivery({"version": "4", "receiver": "r", "alerts": [{
        "status": status, "annotations": {}, "startsAt": moment, "endsAt": moment,
        "labels": {"alertname": "AntelopeProducerDown", "action": "failover", "group": "bp", **labels},
    }]})  # fmt: skip


def test_a_repeat_plans_nothing_and_asks_its_group_again(ledger: Ledger) -> None:
    asked: list[str] = []
    door = intake(ledger, asked)

    first = door.store(delivery())
    assert (first.planned, asked) == (1, [])
    for times in (1, 2):
        repeat = door.store(delivery())
        assert (repeat.planned, repeat.duplicate, asked) == (0, 1, ["bp"] * times)


@pytest.mark.parametrize(
    "repeat",
    [delivery("resolved"), delivery(group="unknown"), delivery(action="")],
    ids=["it is over", "of no group of ours", "it asks for nothing"],
)
def test_what_asks_no_more_or_never_did_asks_nobody(ledger: Ledger, repeat: Any) -> None:
    asked: list[str] = []
    door = intake(ledger, asked)
    if repeat.alerts[0].firing:
        door.store(repeat)
    else:
        door.store(delivery())

    door.store(repeat)

    assert asked == []


def test_an_alert_that_has_fired_for_too_long_asks_no_more(ledger: Ledger) -> None:
    asked: list[str] = []
    door = intake(ledger, asked)

    for _ in range(2):
        door.store(delivery(began=NOW - 7200.0))

    assert asked == []
