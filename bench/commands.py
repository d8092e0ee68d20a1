"""Row `commands`: recovery commands while broker, agent and sender are killed; do the numbers add up?

    python -m bench.commands [--count 1000] [--kills 10]

Every command adds a line to a file, so that what ran can be counted. For each service: answered ok <= ran <=
answered ok + unknown; and every command that was accepted ends as ok, failed, unknown, or certainly not sent.
"""

import argparse
import contextlib
import json
import sqlite3
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random

from bench.result import figure, write
from lab.mosquitto import Mosquitto
from lab.server import Server, stop_watching
from lab.stack import Program
from lab.webcall import post
from nodekit.http import HttpError

SERVICES = 20
SETTLED = 60.0
"""Seconds after the last kill within which everything must have ended."""


@dataclass(frozen=True)
class Setting:
    """The three parts, and where their effects are counted."""

    broker: Mosquitto
    agent: Program
    actuator: Program
    marks: Path
    ledger: Path


def main(argv: Sequence[str] | None = None) -> int:
    """Exit status 0 when nothing ran twice and nothing is missing."""
    parser = argparse.ArgumentParser(prog="bench.commands")
    parser.add_argument("--count", type=int, default=1000)
    parser.add_argument("--kills", type=int, default=10, help="of each part")
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args(argv)
    with tempfile.TemporaryDirectory() as folder:
        ended, wrong = _run(Path(folder), arguments.count, arguments.kills, Random(arguments.seed))
    stop_watching()
    print(f"{dict(sorted(ended.items()))}; {'; '.join(wrong) or 'the numbers add up'}")
    write(
        "commands", "commands lost or run twice", figure([len(wrong)]),
        "commands sent", figure([arguments.count]),
        target="0, and every command accounted for", ok=not wrong, runs=arguments.count,
        command=f"python -m bench.commands --count {arguments.count} --kills {arguments.kills}",
    )  # fmt: skip
    return 1 if wrong else 0


def _run(folder: Path, count: int, kills: int, rng: Random) -> tuple[Counter[str], list[str]]:
    setting = _setting(folder)
    servers: list[Server] = [setting.broker, setting.agent, setting.actuator]
    try:
        for server in servers:
            server.start()
        done = threading.Event()
        killer = threading.Thread(target=_kill, args=(servers, kills, rng, done))
        killer.start()
        for number in range(count):
            _send(setting, number % SERVICES)
        killer.join()
        return _judge(setting)
    finally:
        for server in reversed(servers):
            server.stop()


def _setting(folder: Path) -> Setting:
    broker, marks = Mosquitto(folder / "broker"), folder / "marks"
    (folder / "broker").mkdir()
    marks.mkdir()
    mqtt = {"host": "127.0.0.1", "port": broker.port}
    services = {
        f"s{number}": {"commands": {"mark": {"shell": f"echo ran >> {marks}/s{number}; sleep 0.02"}}}
        for number in range(SERVICES)
    }
    agent = Program("agent", "actuator.agent", folder / "agent", {
        "host": "h1", "mqtt": mqtt, "topics": {"command": "cmd/h1", "result": "res/h1"},
        "journal": str(folder / "agent.db"), "services": services,
    })  # fmt: skip
    actuator = Program("actuator", "actuator", folder / "actuator", {
        "ledger": f"sqlite:///{folder / 'ledger.db'}", "mqtt": mqtt,
        "hosts": {"h1": {"command_topic": "cmd/h1", "result_topic": "res/h1", "timeout": "20s"}},
    })  # fmt: skip
    return Setting(broker, agent, actuator, marks, folder / "ledger.db")


def _kill(servers: Sequence[Server], kills: int, rng: Random, done: threading.Event) -> None:
    """Each part so many times, in random order, with some time to work in between."""
    order = [server for server in servers for _ in range(kills)]
    rng.shuffle(order)
    for server in order:
        done.wait(rng.uniform(0.3, 1.5))
        server.kill9()
        done.wait(rng.uniform(0.0, 0.5))
        server.start()


def _send(setting: Setting, service: int) -> None:
    """Have a command accepted; the actuator may be away for a moment."""
    wish = json.dumps({"host": "h1", "service": f"s{service}", "command": "mark"}).encode()
    while True:
        try:
            post(f"{setting.actuator.url}/api/commands", wish)
        except HttpError:
            time.sleep(0.1)
            continue
        time.sleep(0.03)
        return


def _judge(setting: Setting) -> tuple[Counter[str], list[str]]:
    """How the commands ended by the ledger, and what is wrong with the numbers.

    The ledger, for a command may be accepted although the answer to who sent it is lost.
    """
    deadline = time.monotonic() + SETTLED
    while time.monotonic() < deadline and _open(setting):
        time.sleep(1)
    time.sleep(5)  # late results
    ends = _ends(setting)
    wrong = [f"{state} for ever" for _, state in ends if state in ("planned", "executing")]
    for service in range(SERVICES):
        path = setting.marks / f"s{service}"
        ran = path.read_text().count("ran") if path.exists() else 0
        mine = Counter(state for name, state in ends if name == f"s{service}")
        if not mine["ok"] <= ran <= mine["ok"] + mine["unknown"]:
            wrong.append(f"s{service} ran {ran} times, {dict(mine)}")
    return Counter(state for _, state in ends), wrong


def _open(setting: Setting) -> bool:
    return any(state in ("planned", "executing") for _, state in _ends(setting))


def _ends(setting: Setting) -> list[tuple[str, str]]:
    """Service and state of every command."""
    with contextlib.closing(sqlite3.connect(f"file:{setting.ledger}?mode=ro", uri=True)) as database:
        rows = database.execute("SELECT arguments, state FROM step WHERE action = 'recover'").fetchall()
    return [(json.loads(arguments)["service"], state) for arguments, state in rows]


if __name__ == "__main__":
    sys.exit(main())
