"""Writes the dashboards: `python -m grafana.build` into grafana/dashboards, for provisioning.

`python -m grafana.build --share FOLDER` writes them with `__inputs` and `__requires` instead, as Grafana's
own *Export for sharing* does: for import by hand and for grafana.com. Provisioning resolves no `__inputs`.
"""

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path

from grafana.boards import accounts, logs, oracle, own, producers, services
from grafana.panels import Json, board_json

BOARDS = (producers.BOARD, oracle.BOARD, accounts.BOARD, logs.BOARD, services.BOARD, own.BOARD)
DASHBOARDS = Path(__file__).parent / "dashboards"
INPUT = "DS_PROMETHEUS"
LEAST_VERSION = "10.4.0"
"""Of Grafana: the first with this schema."""


def texts() -> dict[str, str]:
    """File name → content, as it is checked in."""
    return {f"{board.uid}.json": text_of(board_json(board)) for board in BOARDS}


def shared() -> dict[str, str]:
    """File name → content, for import by hand."""
    return {f"{board.uid}.json": text_of(with_inputs(board_json(board))) for board in BOARDS}


def text_of(dashboard: Json) -> str:
    """JSON that differs in few lines when a panel changes."""
    return json.dumps(dashboard, indent=1, ensure_ascii=False, sort_keys=True) + "\n"


def with_inputs(dashboard: Json) -> Json:
    """The dashboard with the data source as a question that the import asks."""
    kinds = sorted({panel["type"] for panel in dashboard["panels"]} - {"row"})
    source = next(item for item in dashboard["templating"]["list"] if item["name"] == "datasource")
    source["current"] = {"text": f"${{{INPUT}}}", "value": f"${{{INPUT}}}"}
    return {
        "__inputs": [
            {
                "name": INPUT,
                "label": "Prometheus",
                "description": "The Prometheus that scrapes chainwarden",
                "type": "datasource",
                "pluginId": "prometheus",
                "pluginName": "Prometheus",
            }
        ],
        "__requires": [
            {"type": "grafana", "id": "grafana", "name": "Grafana", "version": LEAST_VERSION},
            {"type": "datasource", "id": "prometheus", "name": "Prometheus", "version": "1.0.0"},
            *({"type": "panel", "id": kind, "name": kind, "version": ""} for kind in kinds),
        ],
        **dashboard,
    }


def main(argv: Sequence[str] | None = None) -> int:
    """Write the files and name them; the exit code."""
    parser = argparse.ArgumentParser(prog="python -m grafana.build", description="Writes the dashboards.")
    parser.add_argument("--share", type=Path, metavar="FOLDER", help="write files for import by hand there")
    arguments = parser.parse_args(argv)
    folder: Path = arguments.share or DASHBOARDS
    files = shared() if arguments.share else texts()
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in files.items():
        (folder / name).write_text(text, encoding="utf-8")
        print(folder / name)  # noqa: T201 - the answer of the command
    return 0


if __name__ == "__main__":
    sys.exit(main())
