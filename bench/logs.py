"""Logs: searching beside `grep -f black | grep -v -f white`, catching up with nodeos, rotation under load.

LOG_MB (default 300) is the size of what is searched, LOG_SECONDS (default 30) the time of each load.
"""

import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

from bench.result import figure, write
from exporter.collector import Source
from exporter.collectors import logfile, nodelog
from exporter.config import Config
from exporter.logs.nodelog import EVENTS, count
from exporter.logs.source import Kept

SIZE = int(os.environ.get("LOG_MB", "300")) * 1_000_000
START = {"place": {"offset": 0, "head": "", "tail": "", "mtime": 2**62}}
"""A memory that has read nothing yet."""
SECONDS = float(os.environ.get("LOG_SECONDS", "30"))
RUNS = 5
LOOKS = 300
TARGET = (
    "the same lines for at most 0.7 of the CPU; nodeos caught up at 150 MB/s or more; no line lost or"
    " read twice at 1 and 5 MB/s with rotations"
)
BLACK = (
    b"CRIT\nERROR\nfail\n0x prefix\ncall failed\nunder min gas price\nNot authorized sender\n"
    b"Dial failed: EVM Node is unreachable\nBLOCK_HISTORY_ESTIMATOR_BLOCK_DELAY\n"
)
WHITE = (
    b"NO_ERROR\nsession missing or expired, please login again pg\n"
    b"Failed to fetch block: RPC node returned a missing\n\\[ERROR\\] SLOW SQL QUERY\n"
    b"^primary http.*call failed\n^request failed\nfetchAndSaveHead failed\n"
)
"""The shape of the original's lists: nine and seven patterns."""
ORACLE = "2026-11-01T00:00:03.145Z [{}] {:50} {:32} {}logger=EVM.50.HeadListener version=2.4.0@708657c\n"
QUIET = [
    ORACLE.format(
        "DEBUG", f"Fetched head {n}", "headtracker/head_listener.go:101", f"blockNumber={n} evmChainID=50 "
    )
    for n in range(2000)
]
LOUD = [
    ORACLE.format("ERROR", "Failed to prune runs", "pipeline/orm.go:690", "err=boom ") + "\t/home/x.go:460\n",
    ORACLE.format("ERROR", "SLOW SQL QUERY", "pg/q.go:1", "ms=2000 "),
    ORACLE.format("WARN ", "eth_call failed", "client/pool.go:9", "call failed=yes "),
]
NODEOS = "info  2026-11-20T19:56:58.902 nodeos    producer_plugin.cpp:777       on_incoming_block    ] {}\n"
SAID = [
    *(
        NODEOS.format(
            f"Received block a814b777298ae0d5... #{n} @ 2026-11-20T19:56:59.500 signed by bpffffffffff "
            "[trxs: 0, lib: 5, confirmed: 0, net: 0, cpu: 100, elapsed: 34, time: 402, latency: -597 ms]"
        )
        for n in range(600)
    ),
    *(NODEOS.format(f"p2p client connections: {n}/25, peer connections: 2/2") for n in range(350)),
    NODEOS.format("Not producing block because production is explicitly paused"),
    NODEOS.format("switching forks from 0000002d910e882a... (block number 45) to 0000002e1df262a3..."),
]


def fill(path: Path, usual: list[str], rare: list[str]) -> None:
    """A log of SIZE bytes, one line in a hundred of the rare ones."""
    rolled, size = random.Random(1), 0
    with path.open("wb") as file:
        while size < SIZE:
            lines = [rolled.choice(rare if rolled.random() < 0.01 else usual) for _ in range(5000)]
            size += file.write("".join(lines).encode())


def searching(folder: Path, log: Path) -> Source:
    """What looks at a log with both lists, from its beginning."""
    extracts = {"folder": str(folder / "found"), "largest": 10**12, "every": "1d"}
    shutil.rmtree(folder / "found", ignore_errors=True)
    Kept(folder / "state" / "logfile-x.json").save(
        {"place": {"offset": 0, "head": "", "tail": "", "mtime": 2**62}}
    )
    options = {
        "file": str(log),
        "black": str(folder / "black"),
        "white": str(folder / "white"),
        "whole": False,
    }
    config = {"state_dir": str(folder / "state"), "logs": {"x": {**options, "extracts": extracts}}}
    (source,) = logfile.build(Config.model_validate(config))
    return source


def telling(folder: Path, log: Path) -> Source:
    """What counts a node's events."""
    node = {"url": "http://127.0.0.1:9", "log": {"file": str(log)}}
    config = {"state_dir": str(folder / "state"), "chains": {"c": {"nodes": {"x": node}}}}
    (source,) = nodelog.build(Config.model_validate(config))
    return source


def told(source: Source) -> dict[str, float]:
    """What a look tells, by the metric's last label."""
    return {".".join((one.metric.name, *one.labels[1:])): one.value for one in source.observe(time.time())}


def all_of(source: Source) -> float:
    """CPU seconds until there is nothing new."""
    began, before = time.process_time(), None
    while (found := told(source)) != before:
        before = found
    return time.process_time() - began


def grepping(folder: Path, log: Path) -> float:
    """CPU seconds of the pipeline of two greps."""
    before = os.times()
    script = 'grep -f black "$0" | grep -v -f white > grepped'
    subprocess.run(["sh", "-c", script, log], cwd=folder, check=False, env={**os.environ, "LC_ALL": "C"})
    after = os.times()
    return after.children_user + after.children_system - before.children_user - before.children_system


def search(folder: Path) -> tuple[list[float], list[float], bool, float]:
    """CPU seconds a GB, ours and grep's; whether the lines are the same; microseconds of an idle look."""
    (folder / "black").write_bytes(BLACK)
    (folder / "white").write_bytes(WHITE)
    log = folder / "oracle.log"
    fill(log, QUIET, LOUD)
    ours, theirs, same, idle = [], [], True, 0.0
    for _ in range(RUNS):
        theirs.append(grepping(folder, log) / log.stat().st_size * 1e9)
        source = searching(folder, log)
        ours.append(all_of(source) / log.stat().st_size * 1e9)
        same &= (
            b"".join(one.read_bytes() for one in (folder / "found").iterdir())
            == (folder / "grepped").read_bytes()
        )
        began = time.process_time()
        for _ in range(LOOKS):
            told(source)
        idle = (time.process_time() - began) / LOOKS * 1e6
        source.close()
    log.unlink()
    return ours, theirs, same, idle


def catch_up(folder: Path) -> float:
    """MB a second of one core, from a node's log on disk to counted events."""
    log = folder / "nodeos.log"
    fill(log, SAID, SAID[-2:])
    Kept(folder / "state" / "nodelog-x.json").save(
        {"place": {"offset": 0, "head": "", "tail": "", "mtime": 2**62}}
    )
    source = telling(folder, log)
    took = all_of(source)
    source.close()
    speed = log.stat().st_size / took / 1e6
    log.unlink()
    return speed


def renamed(path: Path) -> None:
    """By rename; the writer opens a new file."""
    path.rename(path.with_name(f"{path.name}.{time.time_ns()}"))


def compressed(path: Path) -> None:
    """By rename, compressed at once."""
    old = path.with_name(f"{path.name}.{time.time_ns()}")
    path.rename(old)
    subprocess.run(["gzip", "-1", old], check=True)


def copied(path: Path) -> None:
    """By copy and truncation, between two writes."""
    shutil.copyfile(path, path.with_name(f"{path.name}.{time.time_ns()}"))
    os.truncate(path, 0)


def deleted(path: Path) -> None:
    """The file is gone, and made anew."""
    path.unlink()


Rotation = Callable[[Path], None]


def load(path: Path, rate: float, rotations: list[Rotation], each: Callable[[], None]) -> Counter[str]:
    """Write `rate` bytes a second of nodeos' lines, with a rotation every two seconds; what was said."""
    rolled, truth, written = random.Random(2), Counter[str](), 0.0
    began = turned = time.monotonic()
    file = path.open("ab", buffering=0)
    while (now := time.monotonic()) - began < SECONDS:
        if now - turned > 2:
            turned = now
            rolled.choice(rotations)(path)
            file.close()
            file = path.open("ab", buffering=0)
        block = "".join(rolled.choices(SAID, k=100)).encode()
        count(block, truth)
        truth["lines"] += 100
        file.write(block)
        written += len(block)
        each()
        time.sleep(max(0.0, began + written / rate - time.monotonic()))
    file.close()
    return truth


READER = """
import sys, time
from pathlib import Path
from bench.logs import telling, told
one = telling(Path(sys.argv[1]), Path(sys.argv[2]))
while True:
    told(one)
    time.sleep(0.5)
"""


def killed_reader(folder: Path) -> int:
    """Events lost or counted twice at 1 MB/s, by a reader that is killed by -9 every three seconds."""
    log = folder / "nodeos.log"
    folder.mkdir()
    log.touch()
    told(telling(folder, log))
    argv = [sys.executable, "-c", READER, str(folder), str(log)]
    running = [subprocess.Popen(argv), time.monotonic()]

    def kill() -> None:
        if time.monotonic() - running[1] > 3:
            running[0].send_signal(signal.SIGKILL)
            running[0].wait()
            running[:] = [subprocess.Popen(argv), time.monotonic()]

    truth = load(log, 1e6, [renamed, compressed, copied], kill)
    running[0].kill()
    running[0].wait()
    found = told(telling(folder, log))
    return sum(abs(int(found[f"antelope_log_events_total.{event}"]) - truth[event]) for event in EVENTS)


def fast_writer(folder: Path) -> int:
    """Lines lost or read twice at 5 MB/s, looked at every half second."""
    log = folder / "oracle.log"
    folder.mkdir()
    log.touch()
    (folder / "black").write_bytes(b"switching forks\n")
    (folder / "white").write_bytes(b"nothing of it\n")
    source = searching(folder, log)
    told(source)
    due = [time.monotonic()]

    def look() -> None:
        if time.monotonic() > due[0]:
            told(source)
            due[0] = time.monotonic() + 0.5

    truth = load(log, 5e6, [renamed, compressed, copied, deleted], look)
    found = told(source)
    source.close()
    wrong = abs(int(found["logfile_matches_total.switching forks"]) - truth["switching_forks"])
    return wrong + abs(int(found["logfile_lines_total"]) - truth["lines"])


def main() -> int:
    """Measure all in turn; 0 when the target is met."""
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        ours, theirs, same, idle = search(folder)
        speed = catch_up(folder)
        wrong, wrong_fast = killed_reader(folder / "a"), fast_writer(folder / "b")
    ratio = sum(ours) / sum(theirs)
    print(
        f"the same lines as grep: {'yes' if same else 'NO'}; nodeos caught up at {speed:.0f} MB/s; a look at"
        f" an idle log {idle:.0f} us; wrong counts: {wrong} at 1 MB/s with kill -9, {wrong_fast} at 5 MB/s"
    )
    ok = ratio <= 0.7 and same and speed >= 150 and wrong == wrong_fast == 0
    write(
        "logs", "CPU-s a GB", figure(ours), "grep -f black | grep -v -f white", figure(theirs),
        target=TARGET, ok=ok, runs=len(ours), command="make bench ROW=logs",
    )  # fmt: skip
    return 0 if ok else 1


if __name__ == "__main__":
    sys.exit(main())
