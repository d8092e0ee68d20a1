"""What PromQL asks for, and the names of what chainwarden's programs publish (docs/generate/metrics.py)."""

import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import promql_parser
import yaml

from docs.generate import metrics

ALERTING = Path(__file__).resolve().parents[2] / "alerting"
FOREIGN = {"up", "ALERTS"}
"""Metrics that Prometheus itself makes."""
PROCESS = {
    "process_cpu_seconds_total",
    "process_open_fds",
    "process_resident_memory_bytes",
    "process_start_time_seconds",
}
"""Metrics of prometheus_client about the process."""
PART = re.compile(r"(\w+)_(?:bucket|sum|count)")
PARTS = ("expr", "lhs", "rhs", "args", "vector_selector", "vs", "param")


def nodes(expression: str) -> Iterator[Any]:
    """Every node of the syntax tree. Raises ValueError when it is no PromQL."""
    todo: list[Any] = [promql_parser.parse(expression)]
    while todo:
        node = todo.pop()
        yield node
        for part in PARTS:
            child = getattr(node, part, None)
            if isinstance(child, list):
                todo += child
            elif child is not None and not isinstance(child, str | int | float | bool):
                todo.append(child)


def selectors(expression: str) -> list[Any]:
    """Every vector selector in it."""
    return [node for node in nodes(expression) if isinstance(node, promql_parser.VectorSelector)]


def metrics_in(expression: str) -> set[str]:
    """Every metric that it selects; the parts of a histogram are that histogram."""
    names = {selector.name for selector in selectors(expression)}
    return {part[1] if (part := PART.fullmatch(name)) and part[1] in histograms() else name for name in names}


@cache
def histograms() -> set[str]:
    """Metrics that are scraped in parts."""
    rows = [*metrics.of_the_actuator(), *metrics.of_the_agent()]
    return {row.name for row in rows if row.kind == "histogram"}


def rule_groups() -> list[dict[str, Any]]:
    """The shipped rules."""
    return yaml.safe_load((ALERTING / "rules.yml").read_text())["groups"]


def records() -> set[str]:
    """The names of the series that the shipped rules record."""
    return {rule["record"] for group in rule_groups() for rule in group["rules"] if "record" in rule}


def of_the_exporter() -> set[str]:
    """What the exporter publishes of its targets and of its own work."""
    return {row.name for rows in metrics.of_the_exporter().values() for row in rows}


def of_the_actuator() -> set[str]:
    """What the actuator publishes, by the names of its series."""
    return {row.name for row in metrics.of_the_actuator()}


def of_the_agent() -> set[str]:
    """What the agent publishes."""
    return {row.name for row in metrics.of_the_agent()}
