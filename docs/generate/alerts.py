"""Every alert, from alerting/rules.yml."""

from pathlib import Path
from typing import Any

import yaml

from docs.generate.markdown import anchor, code, page, table

RULES = Path(__file__).resolve().parents[2] / "alerting" / "rules.yml"
INTRODUCTION = """\
Rules for Prometheus 2.42 and later: `alerting/rules.yml`. `action` is a question to the actuator, which
looks at the nodes itself before it acts. Where an alert has a warning and a critical rule, Alertmanager
silences the warning while the critical one fires. Numbers that depend on your network are recorded series,
listed at the end."""
Rule = dict[str, Any]


def alerts() -> dict[str, dict[str, list[Rule]]]:
    """Group → alert → its rules, in the order of the file."""
    found: dict[str, dict[str, list[Rule]]] = {}
    for group in _groups():
        for rule in group["rules"]:
            if "alert" in rule:
                found.setdefault(group["name"], {}).setdefault(rule["alert"], []).append(rule)
    return found


def text() -> str:
    """The page."""
    groups = alerts()
    rows = [_row(name, rules) for group in groups.values() for name, rules in group.items()]
    recorded = [
        (code(rule["record"]), code(_flat(rule["expr"])))
        for group in _groups()
        for rule in group["rules"]
        if "record" in rule
    ]
    return page(
        "Alerts",
        [INTRODUCTION],
        table(("alert", "severity", "what happened"), rows),
        *(part for name, group in groups.items() for part in _group(name, group)),
        ["## Recorded series", "", *table(("series", "expression"), recorded)],
    )


def _groups() -> list[dict[str, Any]]:
    groups: list[dict[str, Any]] = yaml.safe_load(RULES.read_text(encoding="utf-8"))["groups"]
    return groups


def _row(name: str, rules: list[Rule]) -> tuple[str, str, str]:
    severities = dict.fromkeys(rule["labels"]["severity"] for rule in rules)
    return f"[{name}](#{anchor(name)})", ", ".join(severities), rules[0]["annotations"]["summary"]


def _group(name: str, group: dict[str, list[Rule]]) -> list[list[str]]:
    return [[f"## {name}"], *(_alert(alert, rules) for alert, rules in group.items())]


def _alert(name: str, rules: list[Rule]) -> list[str]:
    said = list(dict.fromkeys(_flat(rule["annotations"]["description"]) for rule in rules))
    lines = [f"### {name}", "", f"{rules[0]['annotations']['summary']} [Runbook](../runbooks/{name}.md)", ""]
    lines += [f"> {text}" for text in said]
    for rule in rules:
        lines += ["", _when(rule), "", "```promql", _flat(rule["expr"]), "```"]
    return lines


def _when(rule: Rule) -> str:
    labels = {key: value for key, value in rule["labels"].items() if key != "severity"}
    parts = [f"**{rule['labels']['severity']}**"]
    parts += [f"for {rule['for']}"] if "for" in rule else ["at once"]
    parts += [f"kept for {rule['keep_firing_for']}"] if "keep_firing_for" in rule else []
    parts += [code(f"{key}: {value}") for key, value in labels.items()]
    return ", ".join(parts) + ":"


def _flat(text: str) -> str:
    return " ".join(text.split())
