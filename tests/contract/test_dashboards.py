"""Dashboards: the JSON is the builder's, they ask only for what is published, and keep dashboard-linter's rules.

The rules are written anew after the documentation of grafana/dashboard-linter, whose names they carry; exceptions
stand with their reasons in grafana/dashboards/.lint, where that program would read them too.
"""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import promql_parser
import pytest
import yaml

from grafana.build import BOARDS, DASHBOARDS, main, shared, texts
from tests.contract.catalogue import (
    FOREIGN,
    PROCESS,
    metrics_in,
    nodes,
    of_the_actuator,
    of_the_agent,
    of_the_exporter,
    records,
    rule_groups,
    selectors,
)

ROOT = Path(__file__).resolve().parents[2]
FILES = sorted(DASHBOARDS.glob("*.json"))
UNITS = {
    "none", "short", "string", "percent", "percentunit", "s", "ms", "dtdurations", "bytes", "Bps", "ops", "cps", "reqps",
    "dateTimeAsIso", "dateTimeFromNow", "bool_yes_no",
}  # fmt: skip
"""Of Grafana's units those that are used here."""
NOT_SHOWN = {"oracle_job_contract_info"}
"""Metrics without a panel, each with the reason: the contract joins jobs to feeds in rules."""
COUNTED = ("rate", "irate", "increase")
Json = dict[str, Any]


def load(path: Path) -> Json:
    return json.loads(path.read_text(encoding="utf-8"))


def panels(board: Json) -> list[Json]:
    return [panel for panel in board["panels"] if panel["type"] != "row"]


def targets() -> Iterator[tuple[str, str, str]]:
    """Dashboard, panel, and its expression as Grafana has it."""
    for path in FILES:
        board = load(path)
        for panel in panels(board):
            for target in panel["targets"]:
                yield board["title"], panel["title"], target["expr"]


def asked(expression: str) -> str:
    """The expression with variables filled in: durations that nobody writes, and words."""
    filled = expression.replace("$__rate_interval", "253s").replace("$__range", "4271s")
    return re.sub(r"\$(\w+|\{\w+\})", "x", filled)


def variable_queries() -> Iterator[tuple[str, str, str]]:
    """Dashboard, variable, and the selector in its label_values()."""
    for path in FILES:
        board = load(path)
        for variable in board["templating"]["list"]:
            if variable["type"] == "query":
                found = re.fullmatch(r"label_values\((.+), (\w+)\)", variable["query"]["query"])
                assert found, f"{variable['name']}: no label_values() of a selector and a label"
                yield board["title"], variable["name"], found[1]


def excused(rule: str, board: str, panel: str) -> bool:
    """Whether .lint excuses the panel, with a reason."""
    entry = yaml.safe_load((DASHBOARDS / ".lint").read_text())["exclusions"].get(rule)
    if entry is None:
        return False
    assert entry["reason"]
    return any((item["dashboard"], item["panel"]) == (board, panel) for item in entry["entries"])


TARGETS = list(targets())
EVERY_TARGET = pytest.mark.parametrize(("board", "panel", "expression"), TARGETS)
EVERY_BOARD = pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)


def test_the_files_are_what_the_builder_writes() -> None:
    assert {path.name: path.read_text(encoding="utf-8") for path in FILES} == texts(), (
        "run python -m grafana.build and commit what it writes"
    )


def test_the_shared_files_ask_for_their_data_source_and_are_otherwise_the_same(tmp_path: Path) -> None:
    assert main(["--share", str(tmp_path)]) == 0

    for name, text in shared().items():
        found = load(tmp_path / name)
        assert json.dumps(found) == json.dumps(json.loads(text))
        assert [item["name"] for item in found.pop("__inputs")] == ["DS_PROMETHEUS"]
        kinds = {item["id"] for item in found.pop("__requires") if item["type"] == "panel"}
        assert kinds == {panel["type"] for panel in panels(found)}
        provisioned = load(DASHBOARDS / name)
        asked_for = found["templating"]["list"][0].pop("current")
        assert asked_for["value"] == "${DS_PROMETHEUS}"
        assert provisioned["templating"]["list"][0].pop("current")["value"] == "default"
        assert found == provisioned


def test_every_dashboard_has_a_name_and_an_address_of_its_own() -> None:
    assert len({board.uid for board in BOARDS}) == len({board.title for board in BOARDS}) == len(FILES)


@EVERY_BOARD
def test_no_two_panels_share_an_id_or_a_place(path: Path) -> None:
    found = load(path)["panels"]
    taken: set[tuple[int, int]] = set()
    for panel in found:
        place = panel["gridPos"]
        cells = {
            (place["x"] + column, place["y"] + line)
            for column in range(place["w"])
            for line in range(place["h"])
        }
        assert not cells & taken and place["x"] + place["w"] <= 24, panel["title"]
        taken |= cells

    assert len({panel["id"] for panel in found}) == len(found)
    assert len({panel["title"] for panel in found}) == len(found)


@EVERY_BOARD
def test_runbooks_that_are_linked_exist(path: Path) -> None:
    for panel in panels(load(path)):
        for link in panel["links"]:
            assert (ROOT / "docs" / "runbooks" / link["url"].rpartition("/")[2]).is_file(), link["url"]


def test_every_alert_has_a_panel_that_links_its_runbook() -> None:
    links = {link["url"] for path in FILES for panel in panels(load(path)) for link in panel["links"]}
    alerts = {rule["alert"] for group in rule_groups() for rule in group["rules"] if "alert" in rule}

    assert {url.rpartition("/")[2].removesuffix(".md") for url in links} == alerts


@EVERY_TARGET
def test_every_metric_of_a_target_is_published(board: str, panel: str, expression: str) -> None:
    known = of_the_exporter() | of_the_actuator() | of_the_agent() | records() | FOREIGN | PROCESS

    assert metrics_in(asked(expression)) <= known


def test_every_published_metric_is_shown_somewhere() -> None:
    asked_for = [expression for _, _, expression in (*TARGETS, *variable_queries())]
    shown = {name for expression in asked_for for name in metrics_in(asked(expression))}

    unseen = (of_the_exporter() | of_the_actuator() | of_the_agent()) - shown - NOT_SHOWN
    assert not unseen, "give them a panel in grafana/boards, or name them in NOT_SHOWN and say why"


@pytest.mark.parametrize(("board", "name", "selector"), list(variable_queries()))
def test_template_label_promql_rule(board: str, name: str, selector: str) -> None:
    known = of_the_exporter() | of_the_actuator() | of_the_agent() | FOREIGN | PROCESS

    assert metrics_in(asked(selector)) <= known


@EVERY_BOARD
def test_template_datasource_rule(path: Path) -> None:
    sources = [item for item in load(path)["templating"]["list"] if item["type"] == "datasource"]

    assert [(item["name"], item["label"], item["query"]) for item in sources] == [
        ("datasource", "Data source", "prometheus")
    ]


@EVERY_BOARD
@pytest.mark.parametrize("name", ["job", "instance"])
def test_template_job_and_instance_rules(path: Path, name: str) -> None:
    found = next(item for item in load(path)["templating"]["list"] if item["name"] == name)

    assert found["datasource"]["uid"] == "${datasource}"
    assert (found["type"], found["label"]) == ("query", name.title())
    assert (found["multi"], found["allValue"]) == (True, ".+")


@EVERY_BOARD
def test_template_on_time_change_reload_and_unused_rules(path: Path) -> None:
    board = load(path)
    text = json.dumps(board)
    for item in board["templating"]["list"]:
        if item["type"] == "query":
            assert item["refresh"] == 2, item["name"]
        assert f"${item['name']}" in text or f"${{{item['name']}}}" in text, f"{item['name']} is not used"


@EVERY_BOARD
def test_panel_rules(path: Path) -> None:
    """panel-datasource, panel-title-description, panel-units, panel-no-targets."""
    for panel in panels(load(path)):
        sources = [panel["datasource"], *(target["datasource"] for target in panel["targets"])]
        assert {source["uid"] for source in sources} == {"${datasource}"}, panel["title"]
        assert panel["title"] and panel["description"].endswith("."), panel["title"]
        assert panel["fieldConfig"]["defaults"]["unit"] in UNITS, panel["title"]
        assert panel["targets"] and all(target["expr"] for target in panel["targets"]), panel["title"]


@EVERY_BOARD
def test_tables_name_and_order_every_label_and_sort_by_a_column_that_they_have(path: Path) -> None:
    for panel in panels(load(path)):
        if panel["type"] != "table":
            continue
        organized = panel["transformations"][1]["options"]
        headings = organized["renameByName"]
        for target in panel["targets"]:
            labels = re.findall(r"\bby \(([^)]*)\)", target["expr"])
            assert set(labels[0].split(", ")) <= set(headings), panel["title"]
        assert list(organized["indexByName"]) == list(headings)
        shown = {name for field, name in headings.items() if field not in organized["excludeByName"]}
        assert all(name[0].isupper() for name in shown), panel["title"]
        sorted_by = {column["displayName"] for column in panel["options"].get("sortBy", ())}
        changed = {override["matcher"]["options"] for override in panel["fieldConfig"]["overrides"]}
        assert sorted_by | changed <= shown, panel["title"]


@EVERY_BOARD
def test_bars_begin_at_nothing(path: Path) -> None:
    """Grafana would begin the axis at the smallest bar, which then looks like none."""
    for panel in panels(load(path)):
        defaults = panel["fieldConfig"]["defaults"]
        assert defaults["custom"].get("drawStyle") != "bars" or defaults["min"] == 0, panel["title"]


@EVERY_BOARD
def test_uneditable_rule(path: Path) -> None:
    assert load(path)["editable"] is False


@EVERY_TARGET
def test_target_promql_rule(board: str, panel: str, expression: str) -> None:
    promql_parser.parse(asked(expression))


@EVERY_TARGET
def test_target_job_and_instance_rules(board: str, panel: str, expression: str) -> None:
    for selector in selectors(expression.replace("$__rate_interval", "253s").replace("$__range", "4271s")):
        matchers = {(item.name, item.value) for item in selector.matchers.matchers}
        assert matchers >= {("job", "$job"), ("instance", "$instance")} or (
            selector.name == "ALERTS" and excused("target-job-rule", board, panel)
        ), selector.name


@EVERY_TARGET
def test_target_rate_interval_and_counter_agg_rules(board: str, panel: str, expression: str) -> None:
    counted = set()
    for node in nodes(asked(expression)):
        if not isinstance(node, promql_parser.Call) or node.func.name not in COUNTED:
            continue
        (series,) = node.args
        counted.add(series.vector_selector.name)
        if series.range.total_seconds() != 253:
            assert excused("target-rate-interval-rule", board, panel), f"{node.func.name} over its own range"
    raw = {name for name in metrics_in(asked(expression)) - counted if name.endswith("_total")}
    assert not raw or excused("target-counter-agg-rule", board, panel), raw


def test_every_excuse_is_needed_by_a_panel_that_exists() -> None:
    titles = {(board, panel) for board, panel, _ in TARGETS}
    for entry in yaml.safe_load((DASHBOARDS / ".lint").read_text())["exclusions"].values():
        for item in entry["entries"]:
            assert (item["dashboard"], item["panel"]) in titles, item


def test_the_provisioning_files_name_the_folder_and_the_data_source() -> None:
    folder = ROOT / "grafana" / "provisioning"
    boards = yaml.safe_load((folder / "dashboards" / "chainwarden.yml").read_text())
    sources = yaml.safe_load((folder / "datasources" / "prometheus.yml").read_text())

    assert boards["providers"][0]["options"]["path"]
    assert boards["providers"][0]["allowUiUpdates"] is False
    assert sources["datasources"][0]["url"] == "${PROMETHEUS_URL}"
