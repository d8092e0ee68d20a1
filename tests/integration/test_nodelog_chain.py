"""The logs of real nodes, followed while they are written and rotated."""

import shutil
from pathlib import Path

import pytest

from exporter.collector import Source
from exporter.collectors import nodelog
from exporter.config import Config
from exporter.logs.nodelog import EVENTS
from exporter.logs.source import Kept
from lab.chain import Chain
from lab.server import poll

START = {"place": {"offset": 0, "head": "", "tail": "", "mtime": 2**62}}
"""A memory that has read nothing of the log yet."""


def sources(paths: dict[str, Path], folder: Path) -> dict[str, Source]:
    nodes = {name: {"url": "http://127.0.0.1:9", "log": {"file": str(path)}} for name, path in paths.items()}
    config = Config.model_validate({"state_dir": str(folder), "chains": {"lab": {"nodes": nodes}}})
    for name in nodes:
        Kept(folder / f"nodelog-{name}.json").save(START)
    return {source.target: source for source in nodelog.build(config)}


def events(source: Source) -> dict[str, float]:
    return {one.labels[1]: one.value for one in source.observe(0.0) if one.metric is nodelog.SAID}


def written(path: Path, *texts: str) -> int:
    lines = path.read_text(errors="replace").splitlines()
    return sum(any(text in line for text in texts) for line in lines)


def test_real_nodes_say_what_they_do_and_each_line_is_counted_once(chain: Chain, tmp_path: Path) -> None:
    a, b = chain["A"], chain["B"]
    assert poll(lambda: written(b.log_path, "production is explicitly paused") > 1, 30)
    assert poll(lambda: written(a.log_path, "] Produced block ") > 1, 30)
    assert poll(lambda: written(b.log_path, "] Received block ") > 8, 15)
    a.cut()
    a.mend()
    # A copy that no longer grows can be compared; it is what copytruncate leaves, too.
    copies = {name: Path(shutil.copy(chain[name].log_path, tmp_path / f"{name}.log")) for name in ("A", "B")}
    found = sources(copies, tmp_path)
    said = {name: events(found[name]) for name in copies}

    for name, copy in copies.items():
        for event, text in (
            ("produced", "] Produced block "), ("received", "] Received block "),
            ("not_applied", "] Block not applied to head"), ("switching_forks", "] switching forks"),
            ("not_producing_paused", "production is explicitly paused"), ("peer_closed", "] closing"),
            ("unlinkable", "] unlinkable_block_exception"), ("dropped", "] dropped incoming block"),
        ):  # fmt: skip
            assert said[name][event] == written(copy, text), (name, event)
        assert said[name]["received"] > 2
        assert said[name]["not_producing_other"] == 0
    assert said["A"]["produced"] > 0
    assert said["A"]["peer_closed"] > 0
    assert said["B"]["not_producing_paused"] > 1
    for source in found.values():
        source.close()


def test_a_live_log_is_followed_block_by_block(chain: Chain, tmp_path: Path) -> None:
    source = sources({"B": chain["B"].log_path}, tmp_path)["B"]
    before = events(source)["received"]

    assert poll(lambda: events(source)["received"] >= before + 4, 8)
    last = next(one.value for one in source.observe(0.0) if one.metric is nodelog.LAST_LINE)
    assert last == pytest.approx(chain["B"].info().head_time, abs=3)
    assert set(events(source)) == set(EVENTS)
    source.close()
