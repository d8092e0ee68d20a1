"""What a dashboard is made of, and how it becomes Grafana's classic JSON (schema 39, Grafana 10.4 to 13).

In expressions `@` stands for the two matchers that every series must have: `up{@}`.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

MATCHERS = 'job=~"$job",instance=~"$instance"'
DATASOURCE = {"type": "prometheus", "uid": "${datasource}"}
RUNBOOKS = "https://github.com/chainwarden/chainwarden/blob/main/docs/runbooks"
WIDTH = 24
"""Columns of Grafana's grid."""

HEADINGS = {"alertname": "Alert", "pythonversion": "Python"}
"""Of a table: labels whose heading is not their name with a capital letter."""

Colours = Sequence[tuple[float | None, str]]
"""From which value on which colour; the first one without a value."""
Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Query:
    """A PromQL expression and what its series are called; in a table, the name of its value's column."""

    expr: str
    legend: str = ""


@dataclass(frozen=True, slots=True)
class Panel:
    """One picture. `unit` is Grafana's; `colours` are its thresholds."""

    kind: str
    title: str
    description: str
    unit: str
    queries: Sequence[Query]
    width: int = 8
    height: int = 7
    colours: Colours = ((None, "green"),)
    words: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    """Value → text and colour."""
    least: float | None = None
    """Where the axis begins."""
    decimals: int | None = None
    nothing: str = ""
    """What is shown where there is no value."""
    units: Mapping[str, str] = field(default_factory=dict)
    """Of a table: column → its own unit."""
    hide: Sequence[str] = ()
    """Of a table: columns that are not shown."""
    widths: Mapping[str, int] = field(default_factory=dict)
    """Of a table: column → pixels; the others share what is left."""
    column_words: Mapping[str, Mapping[str, tuple[str, str]]] = field(default_factory=dict)
    """Of a table: column → value → text and colour."""
    column_colours: Mapping[str, Colours] = field(default_factory=dict)
    """Of a table: column → colours of its numbers."""
    options: Mapping[str, Any] = field(default_factory=dict)
    custom: Mapping[str, Any] = field(default_factory=dict)
    runbooks: Sequence[str] = ()
    """Alerts whose runbooks are linked."""


@dataclass(frozen=True, slots=True)
class Row:
    """A heading and the panels under it."""

    title: str
    panels: Sequence[Panel]


@dataclass(frozen=True, slots=True)
class Variable:
    """A choice at the top of the dashboard: the values of a label of a series."""

    name: str
    label: str
    query: str


@dataclass(frozen=True, slots=True)
class Board:
    """A dashboard."""

    uid: str
    title: str
    description: str
    source: str
    """A series that all of its targets have: `job` and `instance` are its labels' values."""
    variables: Sequence[Variable]
    rows: Sequence[Row]
    refresh: str = "10s"
    past: str = "now-1h"


def expression(text: str) -> str:
    """PromQL with the matchers filled in."""
    return text.replace("@", MATCHERS)


def board_json(board: Board) -> Json:
    """The dashboard as a file."""
    return {
        "annotations": {"list": [_fired()]},
        "description": board.description,
        "editable": False,
        "fiscalYearStartMonth": 0,
        "graphTooltip": 1,
        "id": None,
        "links": [_other_boards()],
        "panels": list(_laid_out(board.rows)),
        "refresh": board.refresh,
        "schemaVersion": 39,
        "tags": ["chainwarden"],
        "templating": {"list": list(_variables(board))},
        "time": {"from": board.past, "to": "now"},
        "timepicker": {},
        "timezone": "browser",
        "title": board.title,
        "uid": board.uid,
        "version": 1,
        "weekStart": "",
    }


def _fired() -> Json:
    """Moments at which our alerts fired, drawn into every graph."""
    return {
        "datasource": DATASOURCE,
        "enable": True,
        "expr": 'ALERTS{alertstate="firing",severity="critical"}',
        "hide": False,
        "iconColor": "red",
        "name": "Critical alerts",
        "tagKeys": "node,group,producer,target",
        "titleFormat": "{{alertname}}",
        "useValueForTime": False,
    }


def _other_boards() -> Json:
    return {
        "asDropdown": True,
        "icon": "external link",
        "includeVars": True,
        "keepTime": True,
        "tags": ["chainwarden"],
        "targetBlank": False,
        "title": "chainwarden",
        "tooltip": "Other dashboards of chainwarden",
        "type": "dashboards",
        "url": "",
    }


def _variables(board: Board) -> Iterable[Json]:
    yield {
        "current": {"selected": False, "text": "default", "value": "default"},
        "hide": 0,
        "includeAll": False,
        "label": "Data source",
        "multi": False,
        "name": "datasource",
        "options": [],
        "query": "prometheus",
        "refresh": 1,
        "regex": "",
        "type": "datasource",
    }
    yield _choice(Variable("job", "Job", f"label_values({board.source}, job)"))
    yield _choice(Variable("instance", "Instance", f'label_values({board.source}{{job=~"$job"}}, instance)'))
    yield from map(_choice, board.variables)


def _choice(variable: Variable) -> Json:
    query = expression(variable.query)
    return {
        "allValue": ".+",
        "current": {"selected": True, "text": ["All"], "value": ["$__all"]},
        "datasource": DATASOURCE,
        "hide": 0,
        "includeAll": True,
        "label": variable.label,
        "multi": True,
        "name": variable.name,
        "options": [],
        "query": {"query": query, "refId": f"Variable-{variable.name}"},
        "refresh": 2,
        "regex": "",
        "sort": 1,
        "type": "query",
    }


def _laid_out(rows: Sequence[Row]) -> Iterable[Json]:
    """Panels from left to right and top to bottom, with ids in that order."""
    number, top = 0, 0
    for row in rows:
        number += 1
        yield {
            "collapsed": False,
            "gridPos": {"h": 1, "w": WIDTH, "x": 0, "y": top},
            "id": number,
            "panels": [],
            "title": row.title,
            "type": "row",
        }
        top += 1
        left = height = 0
        for panel in row.panels:
            if left + panel.width > WIDTH:
                top, left, height = top + height, 0, 0
            number += 1
            place = {"h": panel.height, "w": panel.width, "x": left, "y": top}
            yield {**panel_json(panel), "id": number, "gridPos": place}
            left, height = left + panel.width, max(height, panel.height)
        top += height


def panel_json(panel: Panel) -> Json:
    """The panel without its place."""
    found: Json = {
        "type": panel.kind,
        "title": panel.title,
        "description": panel.description,
        "datasource": DATASOURCE,
        "targets": [_target(panel, number, query) for number, query in enumerate(panel.queries)],
        "fieldConfig": {
            "defaults": {
                "unit": panel.unit,
                "mappings": _mappings(panel.words),
                "thresholds": _thresholds(panel.colours),
                "custom": dict(panel.custom),
                **_said({"min": panel.least, "decimals": panel.decimals, "noValue": panel.nothing or None}),
            },
            "overrides": list(_overrides(panel)),
        },
        "options": dict(panel.options),
        "links": [_runbook(alert) for alert in panel.runbooks],
    }
    if panel.kind == "table":
        found["transformations"] = list(_columns(panel))
    return found


def _thresholds(colours: Colours) -> Json:
    return {"mode": "absolute", "steps": [{"value": value, "color": colour} for value, colour in colours]}


def _said(settings: Json) -> Json:
    """Those that are not None."""
    return {key: value for key, value in settings.items() if value is not None}


def _runbook(alert: str) -> Json:
    return {
        "asDropdown": False,
        "icon": "doc",
        "includeVars": False,
        "keepTime": False,
        "tags": [],
        "targetBlank": True,
        "title": f"Runbook {alert}",
        "tooltip": "What it means and what to do",
        "type": "link",
        "url": f"{RUNBOOKS}/{alert}.md",
    }


def _target(panel: Panel, number: int, query: Query) -> Json:
    table = panel.kind == "table"
    instant = table or panel.kind in ("stat", "bargauge")
    return {
        "datasource": DATASOURCE,
        "editorMode": "code",
        "expr": expression(query.expr),
        "format": "table" if table else "time_series",
        "instant": instant,
        "legendFormat": query.legend,
        "range": not instant,
        "refId": chr(ord("A") + number),
    }


def _mappings(words: Mapping[str, tuple[str, str]]) -> list[Json]:
    if not words:
        return []
    options = {
        value: {"text": text, "color": colour, "index": index}
        for index, (value, (text, colour)) in enumerate(words.items())
    }
    return [{"type": "value", "options": options}]


def _overrides(panel: Panel) -> Iterable[Json]:
    """What single columns of a table differ in."""
    for column, width in panel.widths.items():
        yield _override(column, {"id": "custom.width", "value": width})
    for column, unit in panel.units.items():
        yield _override(column, {"id": "unit", "value": unit})
    for column, words in panel.column_words.items():
        yield _override(
            column,
            {"id": "mappings", "value": _mappings(words)},
            {"id": "custom.cellOptions", "value": {"type": "color-text"}},
        )
    for column, colours in panel.column_colours.items():
        yield _override(
            column,
            {"id": "thresholds", "value": _thresholds(colours)},
            {"id": "custom.cellOptions", "value": {"type": "color-text"}},
        )


def _override(column: str, *properties: Json) -> Json:
    return {"matcher": {"id": "byName", "options": column}, "properties": list(properties)}


def _columns(panel: Panel) -> Iterable[Json]:
    """One line a thing, one column a query: Grafana calls the values `Value #A`, `Value #B`, …

    First its labels, in the order in which the first query groups by them.
    """
    yield {"id": "merge", "options": {}}
    one = len(panel.queries) == 1
    values = {
        query.legend: "Value" if one else f"Value #{chr(ord('A') + number)}"
        for number, query in enumerate(panel.queries)
    }
    labels = grouped_by(panel.queries[0].expr)
    headings = {label: heading(label) for label in labels} | {value: name for name, value in values.items()}
    hidden = dict.fromkeys(("Time", *(values.get(name, name) for name in panel.hide)), True)
    order = {name: place for place, name in enumerate(headings)}
    yield {
        "id": "organize",
        "options": {"excludeByName": hidden, "indexByName": order, "renameByName": headings},
    }


def grouped_by(query: str) -> list[str]:
    """The labels in the first `by (…)` of an expression."""
    found = re.search(r"\bby \(([^)]*)\)", query)
    return [label.strip() for label in found[1].split(",")] if found else []


def heading(label: str) -> str:
    """What a table calls a label: `job_name` is *Job name*."""
    return HEADINGS.get(label, label.replace("_", " ").capitalize())
