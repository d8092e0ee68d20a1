"""The playbook selects; labels never become addresses; the same episode asks for the same steps."""

from typing import Any

import pytest

from actuator.alert import Alert
from actuator.configs.playbook import Rule
from actuator.episode import Placement
from actuator.plan import Planned, Playbook, matches, plan
from actuator.step import Lane

NOW = 1000.0
RULES = tuple(
    Rule.model_validate(raw)
    for raw in (
        {"when": {"alertname": "Down"}, "do": [{"failover": {}}]},
        {"when": {"severity": ["critical", "warning"], "action": ""}, "do": [{"notify": ["ops", "night"]}]},
    )
)
PLAYBOOK = Playbook(RULES, frozenset({"bp"}), {"ops": "slack", "night": "slack"}, max_alert_age=60.0)


def alert(status: str = "firing", starts_at: float = 990.0, **labels: str) -> Alert:
    return Alert(status, "f", labels, {"summary": "s"}, starts_at)


def planned(
    found: Alert, placement: Placement = Placement.NEW, episode: int | None = 7
) -> tuple[Planned, ...]:
    return plan(found, placement, episode, PLAYBOOK, NOW)


@pytest.mark.parametrize(
    ("labels", "expected"),
    [
        ({"severity": "critical"}, True),
        ({"severity": "warning", "action": ""}, True),
        ({"severity": "warning", "action": "failover"}, False),
        ({"severity": "info"}, False),
        ({}, False),
    ],
)
def test_a_rule_matches_listed_values_and_the_empty_string_an_absent_label(
    labels: dict[str, str], expected: bool
) -> None:
    assert matches(RULES[1], alert(**labels)) is expected


def test_an_alert_asks_the_group_that_its_label_names() -> None:
    (found,) = planned(alert(alertname="Down", group="bp", severity="critical", action="failover"))

    assert found.refused is None
    assert (found.step.action, found.step.target, found.step.lane) == ("failover", "group:bp", Lane.ASK)
    assert found.step.key == "episode/7/rule-1/failover/bp"


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"group": "evil; rm -rf /"}, "names no configured group"),
        ({}, "names no configured group"),
        ({"group": "bp", "starts_at": 900.0}, "began 100 s ago, longer than 60 s"),
    ],
)
def test_a_question_that_cannot_be_put_is_refused_with_the_reason(changes: dict[str, Any], why: str) -> None:
    (found,) = planned(alert(alertname="Down", **changes))

    assert found.refused is not None and why in found.refused


def test_firing_and_resolved_are_one_message_each_to_every_sink() -> None:
    firing = [item.step.key for item in planned(alert(alertname="X", severity="critical"))]
    again = [item.step.key for item in planned(alert(alertname="X", severity="critical"), Placement.SAME)]
    resolved = [item.step.key for item in planned(alert("resolved", alertname="X", severity="critical"))]

    assert firing == ["episode/7/rule-2/slack.firing/ops", "episode/7/rule-2/slack.firing/night"]
    assert again == firing
    assert resolved == ["episode/7/rule-2/slack.resolved/ops", "episode/7/rule-2/slack.resolved/night"]


def test_a_resolve_asks_no_group_and_a_late_retry_asks_nothing() -> None:
    down = alert("resolved", alertname="Down", group="bp")

    assert planned(down) == ()
    assert planned(alert(alertname="Down", group="bp"), Placement.LATE) == ()
    assert planned(alert(alertname="X", severity="critical"), Placement.STRAY, None) == ()


def test_an_endless_label_makes_no_endless_key() -> None:
    """PostgreSQL refuses keys beyond their length, and with them the whole delivery."""
    (asked,) = planned(alert(alertname="Down", group="g" * 300_000))

    assert len(asked.step.key) < 512 and len(asked.step.target) < 256
    assert asked.refused is not None and "names no configured group" in asked.refused
