"""Every dashboard is what Grafana's published types say a dashboard is."""

import json
from typing import Any

import pytest

from lab.binaries import CHECKOUT
from lab.board_types import faults

BOARDS = {path.stem: path.read_text() for path in (CHECKOUT / "grafana" / "dashboards").glob("*.json")}


def panel_of(board: dict[str, Any], kind: str) -> dict[str, Any]:
    return next(panel for panel in board["panels"] if panel["type"] == kind)


def test_every_dashboard_has_the_published_types() -> None:
    assert len(BOARDS) >= 5
    assert faults(BOARDS) == []


@pytest.fixture(scope="module")
def damaged() -> list[str]:
    text = BOARDS["chainwarden-producers"]
    option, enumeration, custom, missing = (json.loads(text) for _ in range(4))
    panel_of(option, "table")["options"]["footer"] = {"show": False}
    panel_of(enumeration, "stat")["options"]["graphMode"] = "areas"
    panel_of(custom, "timeseries")["fieldConfig"]["defaults"]["custom"]["lineWidth"] = "1"
    del missing["schemaVersion"]
    boards = {"option": option, "enumeration": enumeration, "custom": custom, "missing": missing}
    return faults({name: json.dumps(board, indent=1) for name, board in boards.items()})


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("option", "'\"footer\"' does not exist"),
        ("enumeration", "'\"areas\"' is not assignable"),
        ("custom", "Type 'string' is not assignable to type 'number'"),
        ("missing", "Property 'schemaVersion' is missing"),
    ],
)
def test_what_grafana_does_not_know_is_told(damaged: list[str], name: str, told: str) -> None:
    assert any(told in line for line in damaged if line.startswith(f"{name}.ts")), damaged
