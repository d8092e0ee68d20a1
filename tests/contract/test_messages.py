"""What operators read about the alerts of our rules: in each language, named, and with what the rules give."""

import re
from typing import Any

import pytest
import yaml

from actuator.alert import Alert
from actuator.message import alert_note, plain
from actuator.notify.samples import SAMPLES
from actuator.notify.texts import LANGUAGES, Texts, subject_of
from tests.contract.catalogue import ALERTING, rule_groups

TEXTS = Texts()
RULES = {rule["alert"]: rule for group in rule_groups() for rule in group["rules"] if "alert" in rule}
OTHERS = [language for language in LANGUAGES if language != "en"]


def promtool_alerts() -> list[tuple[str, dict[str, str], dict[str, str]]]:
    """Alerts as promtool proves that Prometheus makes them: name, labels, annotations; one a kind."""
    found: dict[tuple[str, ...], tuple[str, dict[str, str], dict[str, str]]] = {}
    for path in sorted(ALERTING.glob("*_rules_test.yml")):
        for case in yaml.safe_load(path.read_text(encoding="utf-8"))["tests"]:
            for asked in case.get("alert_rule_test", ()):
                for one in asked.get("exp_alerts") or ():
                    labels = {key: str(text) for key, text in one["exp_labels"].items()}
                    notes = {key: str(text) for key, text in one.get("exp_annotations", {}).items()}
                    key = (asked["alertname"], *sorted(labels))
                    found.setdefault(key, (asked["alertname"], labels, notes))
    return list(found.values())


ALERTS = promtool_alerts()


@pytest.mark.parametrize("language", OTHERS)
def test_every_alert_has_a_summary_in_each_language(language: str) -> None:
    assert TEXTS.words[language]["summaries"].keys() == RULES.keys()


def test_every_alert_is_among_those_that_promtool_makes() -> None:
    assert {name for name, _, _ in ALERTS} >= RULES.keys() - {"Watchdog"}


@pytest.mark.parametrize(
    ("name", "labels", "notes"), ALERTS, ids=[f"{one[0]}-{n}" for n, one in enumerate(ALERTS)]
)
def test_a_message_names_what_it_is_about_and_lacks_no_label(
    name: str, labels: dict[str, str], notes: dict[str, str]
) -> None:
    marks = {"alertname": name, **labels}
    assert name == "Watchdog" or subject_of(marks), "its title would not say what is wrong with what"
    for language in LANGUAGES:
        message = TEXTS.write(alert_note(Alert("firing", "f", marks, notes, 0.0)), language, 60.0)
        wanted = re.findall(r"\{(\w+)\}", str(TEXTS.words[language]["summaries"].get(name, "")))
        assert all({**marks, **notes}.get(label) for label in wanted), f"{language}: a label is missing"
        assert all(
            text.strip() in plain(message)
            for key, text in notes.items()
            if key not in ("summary", "runbook_url")
        )


@pytest.mark.parametrize("sample", [name for name, note in SAMPLES.items() if note.kind == "alert"], ids=str)
def test_a_sample_says_nothing_that_the_rules_do_not_give(sample: str) -> None:
    values: dict[str, Any] = dict(SAMPLES[sample].values)
    rule = RULES[values["labels"]["alertname"]]

    assert values["annotations"].keys() <= {*rule["annotations"], "dashboard_url"}
    assert values["annotations"]["summary"] == rule["annotations"]["summary"]
