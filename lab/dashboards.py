"""Asks a live Prometheus everything that a dashboard would ask it."""

import json
import re
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from lab.prometheus import Prometheus
from lab.webcall import get_json

RANGE = 300
"""Seconds that the dashboard looks back."""
STEP = 5
WORDS = {"$__rate_interval": "30s", "$__range": f"{RANGE}s"}
"""What Grafana fills in; every other variable stands for all values."""


def without_data(prometheus: Prometheus, dashboard: Path) -> list[str]:
    """What of a dashboard has no data: panels with their expression, variables. Raises HttpError."""
    board = json.loads(dashboard.read_text(encoding="utf-8"))
    return [*_empty_panels(prometheus, board), *_empty_variables(prometheus, board)]


def filled(expression: str, words: Mapping[str, str] = WORDS) -> str:
    """The expression as Grafana sends it when all values are chosen."""
    for word, value in words.items():
        expression = expression.replace(word, value)
    return re.sub(r"\$[a-z]\w*", ".+", expression)


def _empty_panels(prometheus: Prometheus, board: dict[str, Any]) -> Iterator[str]:
    for panel in board["panels"]:
        for target in panel.get("targets", ()):
            expression = filled(target["expr"])
            if not (
                prometheus.query(expression) if target["instant"] else _over_time(prometheus, expression)
            ):
                yield f"{panel['title']}: {expression}"


def _over_time(prometheus: Prometheus, expression: str) -> list[Any]:
    now = time.time()
    question = {"query": expression, "start": now - RANGE, "end": now, "step": STEP}
    found: list[Any] = get_json(f"{prometheus.url}/api/v1/query_range?{urlencode(question)}")["data"][
        "result"
    ]
    return found


def _empty_variables(prometheus: Prometheus, board: dict[str, Any]) -> Iterator[str]:
    for variable in board["templating"]["list"]:
        if variable["type"] != "query":
            continue
        query = variable["query"]["query"]
        asked = re.fullmatch(r"label_values\((.+), (\w+)\)", query)
        assert asked, query  # noqa: S101 - the contract tests keep variables in this form
        address = (
            f"{prometheus.url}/api/v1/label/{asked[2]}/values?{urlencode({'match[]': filled(asked[1])})}"
        )
        if not get_json(address)["data"]:
            yield f"variable {variable['name']}: {query}"
