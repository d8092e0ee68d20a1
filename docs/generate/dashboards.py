"""Every dashboard and what each of its panels shows, from the builder's own boards."""

from docs.generate.markdown import page, sentence, table
from grafana.build import BOARDS
from grafana.panels import Json, board_json

INTRODUCTION = """\
Written by `python -m grafana.build` into `grafana/dashboards`, for provisioning; `--share FOLDER` writes them
for import by hand."""


def text() -> str:
    """The page."""
    boards = [board_json(board) for board in sorted(BOARDS, key=lambda board: board.title)]
    return page("Dashboards", [INTRODUCTION], *(part for board in boards for part in _board(board)))


def _board(board: Json) -> list[list[str]]:
    asked = [item["label"] or item["name"] for item in board["templating"]["list"]]
    said = [sentence(board["description"]), "", f"To choose: {', '.join(asked)}."]
    rows: list[tuple[str, str, str]] = []
    row = ""
    for panel in board["panels"]:
        if panel["type"] == "row":
            row = panel["title"]
        else:
            rows.append((row, _title(panel), sentence(panel["description"])))
    return [[f"## {board['title']}", "", *said], table(("row", "panel", "what it shows"), rows)]


def _title(panel: Json) -> str:
    books = [link["url"].rpartition("/")[2] for link in panel["links"] if "/docs/runbooks/" in link["url"]]
    links = ", ".join(f"[{book.removesuffix('.md')}](../runbooks/{book})" for book in books)
    return f"{panel['title']} ({links})" if links else str(panel["title"])
