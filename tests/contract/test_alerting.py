"""Rules, routes and runbooks agree with each other and with what the exporter publishes."""

import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.contract.catalogue import (
    ALERTING,
    FOREIGN,
    metrics_in,
    of_the_actuator,
    of_the_agent,
    of_the_exporter,
    records,
    rule_groups,
)

ROOT = Path(__file__).resolve().parents[2]
RULE_TESTS = sorted(ALERTING.glob("*_test.yml"))


def alerts() -> list[dict[str, Any]]:
    return [rule for group in rule_groups() for rule in group["rules"] if "alert" in rule]


@pytest.mark.parametrize("rule", [rule for group in rule_groups() for rule in group["rules"]], ids=str)
def test_every_metric_in_a_rule_is_published(rule: dict[str, Any]) -> None:
    used = metrics_in(rule["expr"])

    assert used or rule["expr"].startswith("vector("), "the expression selects no metric"
    assert used <= of_the_exporter() | of_the_actuator() | of_the_agent() | records() | FOREIGN


@pytest.mark.parametrize("rule", alerts(), ids=lambda rule: str(rule["alert"]))
def test_every_alert_tells_what_to_do(rule: dict[str, Any]) -> None:
    name = rule["alert"]
    notes = rule["annotations"]

    assert rule["labels"]["severity"] in {"critical", "warning", "info", "none"}
    assert notes["summary"] and notes["description"]
    assert notes["runbook_url"].endswith(f"/docs/runbooks/{name}.md")
    assert (ROOT / "docs" / "runbooks" / f"{name}.md").is_file()


@pytest.mark.parametrize("rule", alerts(), ids=lambda rule: str(rule["alert"]))
def test_only_a_question_to_the_actuator_and_the_watchdog_fire_without_waiting(rule: dict[str, Any]) -> None:
    assert ("for" in rule) == ("action" not in rule["labels"] and rule["alert"] != "Watchdog")


def test_every_runbook_belongs_to_an_alert() -> None:
    books = {path.stem for path in (ROOT / "docs" / "runbooks").glob("*.md")}

    assert books == {rule["alert"] for rule in alerts()}


@pytest.mark.parametrize(
    "path", sorted((ROOT / "docs" / "runbooks").glob("*.md")), ids=lambda path: path.stem
)
def test_every_runbook_answers_the_five_questions(path: Path) -> None:
    text = path.read_text()

    for part in ("What it means.", "How bad.", "What chainwarden did.", "Look at", "Do"):
        assert f"**{part}**" in text, f"{path.name} has no paragraph {part!r}"
    assert re.search(r"^```sh\n\S", text, re.M), f"{path.name} shows no command to type"


def test_every_alert_has_a_promtool_test_that_fires_it_and_one_that_does_not() -> None:
    tests = [test for path in RULE_TESTS for test in yaml.safe_load(path.read_text())["tests"]]
    cases = [case for test in tests for case in test.get("alert_rule_test", ())]
    fires = {case["alertname"] for case in cases if case.get("exp_alerts")}
    silent = {case["alertname"] for case in cases if not case.get("exp_alerts")}
    names = {rule["alert"] for rule in alerts()}

    assert names == fires
    assert names - {"Watchdog"} <= silent


@pytest.mark.timeout(600)  # at a low priority, beside the tests on real servers
@pytest.mark.parametrize(
    "command",
    [
        ["promtool", "check", "rules", "--lint=all", "--lint-fatal", "rules.yml"],
        *(["promtool", "test", "rules", path.name] for path in RULE_TESTS),
        ["promtool", "check", "config", "prometheus.yml"],
        ["amtool", "check-config", "alertmanager.yml"],
    ],
    ids=" ".join,
)
def test_the_real_tools_accept_the_files(command: list[str]) -> None:
    result = subprocess.run(command, cwd=ALERTING, capture_output=True, text=True, check=False)

    assert result.returncode == 0, result.stdout + result.stderr


def route(*options: str, labels: dict[str, str]) -> subprocess.CompletedProcess[str]:
    """What amtool says of the way of an alert with these labels."""
    command = ["amtool", "config", "routes", "test", "--config.file=alertmanager.yml", *options]
    pairs = [f"{name}={value}" for name, value in labels.items()]
    return subprocess.run([*command, *pairs], cwd=ALERTING, capture_output=True, text=True, check=False)


def distinct_labels() -> list[dict[str, str]]:
    """The labels by which the shipped alerts may be routed, and those of an alert that we do not know."""
    kinds = {tuple(sorted(rule["labels"].items())) for rule in alerts()}
    known = [{"alertname": "AnyOfOurs", **dict(kind)} for kind in sorted(kinds)]
    return [*known, {"alertname": "Watchdog", "severity": "none"}, {"alertname": "Foreign"}]


@pytest.mark.parametrize("labels", distinct_labels(), ids=str)
def test_every_alert_reaches_the_actuator_by_exactly_one_route(labels: dict[str, str]) -> None:
    result = route("--verify.receivers=chainwarden", labels=labels)

    assert result.returncode == 0, result.stdout + result.stderr


@pytest.mark.parametrize(
    ("labels", "taken"),
    [
        (
            {"alertname": "AntelopeProducerDown", "severity": "critical", "action": "failover"},
            '{action=~".+"}',
        ),
        ({"alertname": "Watchdog", "severity": "none"}, '{alertname="Watchdog"}'),
        ({"alertname": "AntelopeNodeDown", "severity": "critical", "node": "A"}, '{severity=~".*"}'),
    ],
    ids=["action", "watchdog", "fault"],
)
def test_an_alert_takes_the_route_of_its_urgency(labels: dict[str, str], taken: str) -> None:
    assert f"── {taken}  receiver: chainwarden" in route("--tree", labels=labels).stdout


def test_an_alert_that_asks_for_an_action_is_sent_alone_at_once_and_never_inhibited() -> None:
    config = yaml.safe_load((ALERTING / "alertmanager.yml").read_text())
    route = next(item for item in config["route"]["routes"] if "action=~" in item["matchers"][0])

    assert route["group_by"] == ["..."]
    assert (route["group_wait"], route["group_interval"]) == ("0s", "1s")
    assert "mute_time_intervals" not in route
    assert all('action=""' in rule["target_matchers"] for rule in config["inhibit_rules"])


def test_the_webhook_follows_no_redirect_and_gets_every_alert() -> None:
    config = yaml.safe_load((ALERTING / "alertmanager.yml").read_text())
    hook = config["receivers"][0]["webhook_configs"][0]

    assert hook["http_config"]["follow_redirects"] is False
    assert (hook["send_resolved"], hook["max_alerts"]) == (True, 0)
