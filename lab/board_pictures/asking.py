"""Asks a Prometheus what Grafana would ask it for a dashboard, and keeps the answers beside the panels."""

import json
import time
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from lab.dashboards import filled
from lab.webcall import get_json

RANGE = 150
"""Seconds that the picture looks back."""
STEP = 1
"""What Grafana takes for such a range when Prometheus scrapes every second."""
WORDS = {"$__rate_interval": "4s", "$__range": f"{RANGE}s"}

Json = dict[str, Any]


def answered(url: str, dashboard: Path, until: int) -> Json:
    """The top of a dashboard, `until` rows of Grafana's grid, each target with its `result`.

    A result is a list of `{"metric": {label: value}, "values": [[seconds, text], …]}`; of an instant query
    `values` has one element. Raises HttpError.
    """
    board = json.loads(dashboard.read_text(encoding="utf-8"))
    now = float(int(time.time()))
    panels = [panel for panel in board["panels"] if _bottom(panel) <= until]
    for panel in panels:
        for target in panel.get("targets", ()):
            target["result"] = _ask(url, filled(target["expr"], WORDS), now, instant=target["instant"])
            target["legend"] = target["legendFormat"]
    return {
        "title": board["title"], "panels": panels, "height": max(map(_bottom, panels)),
        "from": now - RANGE, "to": now, "step": STEP,
    }  # fmt: skip


def _bottom(panel: Json) -> int:
    return int(panel["gridPos"]["y"] + panel["gridPos"]["h"])


def _ask(url: str, expression: str, now: float, *, instant: bool) -> list[Json]:
    over = {"time": now} if instant else {"start": now - RANGE, "end": now, "step": STEP}
    question = urlencode({"query": expression, **over})
    found: list[Json] = get_json(f"{url}/api/v1/query{'' if instant else '_range'}?{question}")["data"][
        "result"
    ]
    return [{"metric": one["metric"], "values": one.get("values") or [one["value"]]} for one in found]
