"""Row `poll-nodes`: what 100 nodes at 1 Hz cost the exporter, beside one `requests.get` loop process a node.

    python -m bench.poll_nodes [--nodes 100] [--seconds 60] [--runs 3]

The nodes are ports of one process (`bench/nodes.py`); one of them accepts and never answers. The exporter
is scraped every second meanwhile. Of the originals' way SAMPLE processes run and are multiplied: they do
not share anything. Lateness is that of a request against its node's own one-second grid, taken where the
request arrives.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil

from bench.result import Figure, figure, write
from lab.binaries import CHECKOUT
from lab.server import stop_watching
from lab.stack import Program
from nodekit.http import request, session

CHAIN_SIZE = 10
"""Nodes of one chain in the exporter's configuration."""
SAMPLE = 10
WARM = 15.0
"""Seconds before the measurement: imports, first looks, first connections."""
LOOP = """
import time, requests
while True:
    requests.get("{url}/v1/chain/get_info", timeout=5).json()
    time.sleep(1)
"""
MAX_CPU, MAX_RSS, MAX_LATE, MAX_SCRAPE = 20.0, 120.0, 0.1, 0.1


@dataclass(frozen=True, slots=True)
class Cost:
    """Percent of a core, MB; seconds at p99."""

    cpu: float
    rss: float
    late: float
    scrape: float


def main(argv: Sequence[str] | None = None) -> int:
    """Exit status 0 when all limits are kept in every run."""
    parser = argparse.ArgumentParser(prog="bench.poll_nodes")
    parser.add_argument("--nodes", type=int, default=100)
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--runs", type=int, default=3)
    arguments = parser.parse_args(argv)
    with tempfile.TemporaryDirectory() as folder:
        ours = [
            of_the_exporter(Path(folder) / str(number), arguments.nodes, arguments.seconds)
            for number in range(arguments.runs)
        ]
    peer = of_loops(arguments.nodes, arguments.seconds / 2)
    stop_watching()
    for cost in ours:
        print(
            f"{cost.cpu:.1f} % of a core, {cost.rss:.0f} MB, late {1000 * cost.late:.0f} ms at p99, "
            f"scrape {1000 * cost.scrape:.0f} ms at p99"
        )
    print(f"loops: {peer.cpu:.1f} % of a core, {peer.rss:.0f} MB for {arguments.nodes} ({SAMPLE} measured)")
    ok = all(
        cost.cpu <= MAX_CPU and cost.rss <= MAX_RSS and cost.late <= MAX_LATE and cost.scrape < MAX_SCRAPE
        for cost in ours
    )
    _write(arguments, ours, peer, ok=ok)
    return 0 if ok else 1


def _write(arguments: argparse.Namespace, ours: Sequence[Cost], peer: Cost, *, ok: bool) -> None:
    worst = (
        f"{max(cost.rss for cost in ours):.0f} MB, late {max(cost.late for cost in ours) * 1000:.0f} ms and "
        f"scrape {max(cost.scrape for cost in ours) * 1000:.0f} ms at p99; the loops {peer.rss:.0f} MB"
    )
    of_peer: Figure = figure([peer.cpu])
    write(
        "poll-nodes", "% of a core", figure([cost.cpu for cost in ours]),
        f"one requests.get loop process a node ({SAMPLE} measured, multiplied)", of_peer,
        target="20 % of a core, 120 MB, no poll 100 ms late and scrapes under 100 ms at p99 "
        f"(worst: {worst})", ok=ok, runs=arguments.runs,
        command=f"python -m bench.poll_nodes --nodes {arguments.nodes} --seconds {arguments.seconds:g} "
        f"--runs {arguments.runs}",
    )  # fmt: skip


class Nodes:
    """The process that serves them."""

    def __init__(self, count: int) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "bench.nodes", str(count)],
            cwd=CHECKOUT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )  # fmt: skip
        assert self._process.stdout is not None
        self.urls = [f"http://127.0.0.1:{port}" for port in json.loads(self._process.stdout.readline())]

    def end(self) -> list[list[float]]:
        """Stop serving; when each node was asked."""
        out, _ = self._process.communicate("")
        return json.loads(out) if out else []


@contextmanager
def nodes(count: int) -> Iterator[Nodes]:
    """Nodes that are gone afterwards."""
    made = Nodes(count)
    try:
        yield made
    finally:
        if made._process.poll() is None:
            made.end()


def of_the_exporter(folder: Path, count: int, seconds: float) -> Cost:
    """One run of the exporter."""
    with nodes(count) as served:
        config = {"state_dir": "state", "chains": chains(served.urls)}
        with Program("exporter", "exporter", folder, config) as exporter:
            time.sleep(WARM)
            began = time.monotonic()
            watched = psutil.Process(exporter.pids()[0])
            used = watched.cpu_times()
            scrapes = [_scrape(exporter.url, began + second) for second in range(int(seconds))]
            now, took = watched.cpu_times(), time.monotonic() - began
            rss = watched.memory_info().rss / 1e6
        asked = served.end()
    spent = now.user + now.system - used.user - used.system
    # The first node never answers: each of its requests takes the whole timeout, it is late by its own doing.
    late = sorted(delay for one in asked[1:] for delay in lateness([at for at in one if at >= began]))
    return Cost(100 * spent / took, rss, percentile(late), percentile(sorted(scrapes)))


def chains(urls: Sequence[str]) -> dict[str, object]:
    """Chains of ten, two members of a group in each."""
    return {
        f"chain{first // CHAIN_SIZE}": {
            "producers": ["producera"],
            "nodes": {
                f"n{first + offset}": {
                    "url": url,
                    **({"group": "producera", "role": "A"} if offset in (1, 2) else {}),
                }
                for offset, url in enumerate(urls[first : first + CHAIN_SIZE])
            },
        }
        for first in range(0, len(urls), CHAIN_SIZE)
    }


def _scrape(url: str, due: float) -> float:
    time.sleep(max(0.0, due - time.monotonic()))
    with session() as http:
        return request(http, "GET", f"{url}/metrics", timeout=5).took


def lateness(asked: Sequence[float]) -> list[float]:
    """Seconds of each request after its time on the grid of whole seconds that none is ahead of."""
    offsets = [at - number for number, at in enumerate(asked)]
    return [offset - min(offsets) for offset in offsets]


def percentile(ordered: Sequence[float]) -> float:
    """The 99th."""
    return ordered[min(len(ordered) - 1, int(0.99 * len(ordered)))]


def of_loops(count: int, seconds: float) -> Cost:
    """SAMPLE loops, multiplied. Memory is what each has of its own (USS)."""
    with nodes(SAMPLE + 1) as served:
        loops = [
            subprocess.Popen([sys.executable, "-c", LOOP.format(url=url)], cwd=CHECKOUT)
            for url in served.urls[1:]
        ]
        try:
            time.sleep(5)
            watched = [psutil.Process(loop.pid) for loop in loops]
            before = sum(sum(one.cpu_times()[:2]) for one in watched)
            began = time.monotonic()
            time.sleep(seconds)
            spent = sum(sum(one.cpu_times()[:2]) for one in watched) - before
            took = time.monotonic() - began
            rss = sum(one.memory_full_info().uss for one in watched) / 1e6
        finally:
            for loop in loops:
                loop.kill()
                loop.wait()
    return Cost(100 * spent / took * count / SAMPLE, rss * count / SAMPLE, 0.0, 0.0)


if __name__ == "__main__":
    sys.exit(main())
