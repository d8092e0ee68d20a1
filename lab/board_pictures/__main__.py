"""`python -m lab.board_pictures`: draws the dashboards from live data into docs/images/board-<name>.png.

Without `--prometheus` it starts its own servers and takes about four minutes.
"""

import argparse
import contextlib
import json
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from grafana.build import DASHBOARDS
from lab.binaries import CHECKOUT, LAB_FOLDER
from lab.board_pictures.asking import answered
from lab.board_pictures.scene import scene
from lab.browser import Browser
from lab.pictures import IMAGES
from lab.server import stop_watching

HERE = Path(__file__).parent
CACHE = LAB_FOLDER / "pictures"
WIDTH, CELL, CAPTION = 1600, 38, 40
"""In pixels, as in board.tsx: a page, a row of the grid with the gap below it, the line at the bottom."""
BOARDS = {"producers": 41, "accounts": 30, "oracle": 39, "logs": 8, "services": 23, "itself": 46}
"""Name → how many rows of Grafana's grid are drawn."""
LOADERS = ("--loader:.svg=dataurl", "--loader:.ttf=dataurl", "--loader:.woff2=dataurl")
PAGE = """<!doctype html><meta charset="utf-8"><style>html, body {{ margin: 0; overflow: hidden }}</style>
<link rel="stylesheet" href="board.css">
<body><div id="root"></div><script>window.BOARD = {board}</script><script src="board.js"></script>"""


def bundle() -> None:
    """Install Grafana's components, unless they are there; build the script. Raises CalledProcessError."""
    CACHE.mkdir(parents=True, exist_ok=True)
    wanted, stamp = (HERE / "package.json").read_text(), CACHE / "installed.json"
    if not stamp.exists() or stamp.read_text() != wanted:
        print("downloading Grafana's components (421 MB unpacked) into .lab/pictures", file=sys.stderr)
        (CACHE / "package.json").write_text(wanted)
        command = ["npm", "install", "--legacy-peer-deps", "--no-audit", "--no-fund", "--silent"]
        subprocess.run([*command, "--cache", str(LAB_FOLDER / "npm-cache")], cwd=CACHE, check=True)
        stamp.write_text(wanted)
    shutil.copy(HERE / "board.tsx", CACHE)
    esbuild = [str(CACHE / "node_modules" / ".bin" / "esbuild"), "board.tsx", "--bundle", "--minify"]
    more = ["--jsx=automatic", '--define:process.env.NODE_ENV="production"', "--log-level=warning"]
    subprocess.run([*esbuild, *more, *LOADERS, "--outfile=board.js"], cwd=CACHE, check=True)


def draw(url: str, name: str, theme: str) -> Path:
    """Ask, draw and save one dashboard; the picture's path. Raises HttpError, TimeoutException."""
    board = answered(url, DASHBOARDS / f"chainwarden-{name}.json", BOARDS[name])
    page = CACHE / f"{name}.html"
    text = json.dumps({**board, "theme": theme}).replace("</", "<\\/")
    page.write_text(PAGE.format(board=text), encoding="utf-8")
    with Browser() as browser:
        browser.resize(WIDTH, board["height"] * CELL + CAPTION)
        browser.open(page.as_uri())
        try:
            browser.wait_for("panel components", timeout=30)
        finally:
            for line in browser.complaints():
                print(line, file=sys.stderr)
        target = IMAGES / f"board-{name}.png"
        browser.picture(target)
    return target


@contextlib.contextmanager
def _own_servers() -> Iterator[str]:
    with tempfile.TemporaryDirectory(prefix="chainwarden-pictures-") as folder, scene(Path(folder)) as url:
        yield url
    stop_watching()


def main(argv: list[str] | None = None) -> int:
    """The exit code."""
    parser = argparse.ArgumentParser(prog="python -m lab.board_pictures")
    parser.add_argument("boards", nargs="*", metavar="BOARD", help=f"of {', '.join(BOARDS)}; all by default")
    parser.add_argument("--prometheus", metavar="URL", help="draw what this one knows; starts no servers")
    parser.add_argument("--theme", choices=("dark", "light"), default="dark")
    arguments = parser.parse_args(argv)
    if unknown := set(arguments.boards) - set(BOARDS):
        parser.error(f"there is no board {', '.join(sorted(unknown))}; write some of {', '.join(BOARDS)}")
    bundle()
    IMAGES.mkdir(parents=True, exist_ok=True)
    known = arguments.prometheus
    with contextlib.nullcontext(known) if known else _own_servers() as url:
        for name in arguments.boards or BOARDS:
            print(draw(url, name, arguments.theme).relative_to(CHECKOUT))
    return 0


if __name__ == "__main__":
    sys.exit(main())
