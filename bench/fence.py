"""Row `fence`: a node is started unpaused against a fence that its agent keeps: how soon is it paused?

    python -m bench.fence [--count 20]

Seconds from the first answer of the node's API until it reads paused. The peer is a shell loop that asks the
same node once a second and pauses it, as one would write it by hand.
"""

import argparse
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from random import Random

from bench.result import figure, write
from lab.chain import Chain
from lab.mosquitto import Mosquitto
from lab.node import Node
from lab.server import poll, stop_watching
from lab.stack import GROUP, Program
from lab.talk import Talk
from lab.webcall import get_text

AIM = 1.0
"""Seconds that the docs promise."""
LOOP = """
while sleep 1; do
  [ "$(curl -s -m 1 {url}/v1/producer/paused)" = false ] && curl -s -m 1 -X POST {url}/v1/producer/pause
done >/dev/null
"""


def main(argv: Sequence[str] | None = None) -> int:
    """Exit status 0 when every start was paused in time."""
    parser = argparse.ArgumentParser(prog="bench.fence")
    parser.add_argument("--count", type=int, default=20)
    count = parser.parse_args(argv).count
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        (root / "broker").mkdir()
        with (
            Chain(root / "chain", 2, members=("A",), paused=()) as chain,
            Mosquitto(root / "broker") as broker,
        ):
            chain.load()
            ours = _ours(root, chain["A"], broker, count)
            peer = _peer(chain["A"], max(2, count // 2))
    stop_watching()
    ok = max(ours) <= AIM
    write(
        "fence", "s until a node that was started against its fence is paused", figure(ours),
        "a shell loop, once a second", figure(peer), target=f"{AIM:g} s at most", ok=ok, runs=count,
        command=f"python -m bench.fence --count {count}",
    )  # fmt: skip
    return 0 if ok else 1


def _ours(root: Path, node: Node, broker: Mosquitto, count: int) -> list[float]:
    config = {
        "host": "h1",
        "mqtt": {"host": "127.0.0.1", "port": broker.port},
        "topics": {"command": "cmd/h1", "result": "res/h1"},
        "journal": str(root / "agent.db"),
        "nodeos": {"A": {"url": node.url, "group": GROUP, "match": str(node.dir / "data")}},
    }
    with Program("agent", "actuator.agent", root / "agent", config) as agent:
        poll(lambda: "broker_connected 1.0" in get_text(f"{agent.url}/metrics"), 10)
        with Talk(broker.port, "cmd/h1", "res/h1") as talk:
            answer = talk.ask(1, "A", "pause")
            if answer["code"] != 0:
                raise RuntimeError(f"the agent did not pause the node: {answer}")
        return _starts(node, count)


def _peer(node: Node, count: int) -> list[float]:
    process = subprocess.Popen(["/bin/sh", "-c", LOOP.format(url=node.url)], start_new_session=True)
    try:
        return _starts(node, count)
    finally:
        subprocess.run(["kill", "--", f"-{process.pid}"], check=False)
        process.wait()


def _starts(node: Node, count: int) -> list[float]:
    """Seconds for each of so many starts, at moments that nobody can be in step with."""
    rng, found = Random(1), []
    for _ in range(count):
        node.stop()
        time.sleep(rng.uniform(0.5, 2.0))
        node.start_paused = False
        node.start()
        began = time.monotonic()
        if not poll(node.paused, 30, every=0.005):
            raise RuntimeError("the node was not paused within 30 s")
        found.append(time.monotonic() - began)
    return found


if __name__ == "__main__":
    sys.exit(main())
