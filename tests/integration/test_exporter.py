"""The running exporter on a real chain: exact accounting, honest silence, both formats."""

import subprocess
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_openmetrics
from prometheus_client.parser import text_string_to_metric_families as parse_text

from exporter.books import SETTLED
from lab.blocks import BlockCollector, ChainReader
from lab.chain import Chain
from lab.server import poll
from lab.stack import Program, exporter_config
from nodekit.http import HttpError, request, session
from nodekit.slots import owner, slot_of

FURTHEST = SETTLED + 100
"""Blocks below the head that the counters may stand at: with its reads spent, a look moves the view and no counter."""

Series = Mapping[tuple[str, frozenset[tuple[str, str]]], float]


def fetch(url: str, method: str = "GET", **headers: str) -> str:
    with session() as http:
        answer = request(http, method, url, timeout=5, headers={"Connection": "close", **headers}, body=b"")
        return answer.body.decode()


def series(program: Program) -> Series:
    text = fetch(f"{program.url}/metrics")
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in parse_text(text)
        for sample in family.samples
    }


def value(found: Series, name: str, **labels: str) -> float | None:
    return found.get((name, frozenset(labels.items())))


@pytest.fixture
def exporter(chain: Chain, tmp_path: Path) -> Iterator[Program]:
    with Program("exporter", "exporter", tmp_path, exporter_config(chain)) as program:
        yield program


def counts(found: Series, name: str) -> dict[str, int]:
    """Producer → counter."""
    return {dict(labels)["producer"]: int(number) for (key, labels), number in found.items() if key == name}


def test_missed_blocks_of_every_producer_equal_a_walk_over_the_chain(exporter: Program, chain: Chain) -> None:
    """A is killed, wherever in a round. What it leaves empty is settled three turns of the others later, just
    when another whole window of it was missed. The walk reads every block; that the host was slow and A lost a
    block or two before must not matter."""
    produced = "antelope_producer_blocks_produced_total"
    missed = "antelope_producer_blocks_missed_total"
    healed = chain.world.info().head_num  # what earlier tests left empty is settled when it lies deep enough
    assert poll(lambda: chain.world.info().head_num > healed + SETTLED + 2, 60)
    assert poll(lambda: sum(counts(series(exporter), produced).values()) > 0, 40)
    window = BlockCollector(chain).next_window()
    poll(lambda: 3 < window.opens - time.time() < 15, 30)
    before, at_first = series(exporter), chain.world.info().head_num
    chain["A"].kill9()
    assert poll(
        lambda: counts(series(exporter), missed)[chain.ours] >= counts(before, missed)[chain.ours] + 12, 100
    )

    after, blocks = series(exporter), ChainReader(chain.world.reader).read(max(2, at_first - FURTHEST))
    grown = {
        name: Counter(counts(after, name)) - Counter(counts(before, name)) for name in (produced, missed)
    }
    # The counters moved from one settled block to another; both lie among the blocks that were read.
    total = sum(grown[produced].values())
    walks = [walk(blocks[start : start + total + 1], chain.schedule) for start in range(len(blocks) - total)]
    assert (grown[produced], grown[missed]) in walks
    assert set(grown[missed]) == {chain.ours}
    for name in ("missed_in_turn", "missed_in_a_row"):
        assert value(after, f"antelope_producer_{name}", chain="eos", producer=chain.ours) == 12


def walk(blocks: list[Any], schedule: tuple[str, ...]) -> tuple[Counter[str], Counter[str]]:
    """Produced and missed of every producer after the first block, block by block."""
    produced: Counter[str] = Counter(block.producer for block in blocks[1:])
    taken = {slot_of(block.time) for block in blocks}
    span = range(slot_of(blocks[0].time) + 1, slot_of(blocks[-1].time))
    missed = Counter(owner(slot, schedule) for slot in span if slot not in taken)
    return produced, missed


def test_blocks_missed_while_the_exporter_was_down_are_accounted_when_it_is_back(
    exporter: Program, chain: Chain
) -> None:
    """kill -9 of the exporter, then of A, wherever in a round; a whole window of ours passes unseen."""
    missed = "antelope_producer_blocks_missed_total"
    produced = "antelope_producer_blocks_produced_total"
    assert poll(lambda: sum(counts(series(exporter), produced).values()) > 12, 40)
    before, at_first = series(exporter), chain.world.info().head_num
    time.sleep(5.5)
    exporter.kill9()
    chain["A"].kill9()
    window = BlockCollector(chain).next_window()
    assert poll(lambda: slot_of(chain.world.info().head_time) > window.last_slot + 12, 60)

    exporter.start()

    assert poll(lambda: counts(series(exporter), missed).get(chain.ours, 0) >= 12, 60)
    after = series(exporter)
    grown = Counter(counts(after, missed)) - Counter(counts(before, missed))
    assert set(grown) == {chain.ours}
    # Up to its newest missed window, A may have left the rest of the one that it was killed in.
    first = max(2, at_first - FURTHEST)
    total = sum(counts(after, produced).values()) - sum(counts(before, produced).values())
    blocks = ChainReader(chain.world.reader).read(first)
    walks = [
        walk(blocks[start : start + total + 1], chain.schedule)[1] for start in range(len(blocks) - total)
    ]
    assert grown in walks
    for producer, count in counts(before, produced).items():
        assert counts(after, produced)[producer] >= count, "no counter starts again"


def test_a_dead_node_loses_its_values_and_keeps_its_reason(exporter: Program, chain: Chain) -> None:
    labels = {"node": "A"}
    assert value(series(exporter), "antelope_production_paused", **labels) == 0
    chain["A"].kill9()
    time.sleep(1.5)
    soon = series(exporter)
    time.sleep(3.5)
    later = series(exporter)

    probe = {"probe": "nodeos", "target": "A"}
    assert value(soon, "antelope_head_block_number", **labels) is not None, "one failed look drops nothing"
    assert value(soon, "antelope_group_active_nodes", group=chain.ours) == 0
    assert value(later, "antelope_head_block_number", **labels) is None
    assert value(later, "antelope_production_paused", **labels) is None
    assert value(later, "chainwarden_probe_success", **probe) == 0
    assert value(later, "chainwarden_probe_failures_total", **probe, reason="refused") >= 3  # type: ignore[operator]
    assert value(later, "antelope_head_block_number", node="B") is not None, "the others are not touched"


def test_a_hung_node_delays_no_other(exporter: Program, chain: Chain) -> None:
    chain["A"].hang()
    try:
        time.sleep(5)
        found, now = series(exporter), time.time()
    finally:
        chain["A"].wake()

    last = "chainwarden_probe_last_success_timestamp_seconds"
    hung = value(found, last, probe="nodeos", target="A")
    assert hung is not None and now - hung > 4
    for node in ("B", "C", "world"):
        seen = value(found, last, probe="nodeos", target=node)
        assert seen is not None and now - seen < 2
    assert value(found, "chainwarden_probe_failures_total", probe="nodeos", target="A", reason="timeout") >= 1  # type: ignore[operator]


def test_both_formats_parse_strictly_and_promtool_has_nothing_to_say(exporter: Program) -> None:
    text = fetch(f"{exporter.url}/metrics")
    open_text = fetch(f"{exporter.url}/metrics", Accept="application/openmetrics-text; version=1.0.0")

    checked = subprocess.run(
        ["promtool", "check", "metrics"], input=text, text=True, capture_output=True, check=False
    )
    assert (checked.returncode, checked.stdout, checked.stderr) == (0, "", "")
    names = {family.name for family in parse_text(text)}
    assert {"antelope_head_block_number", "antelope_producer_scheduled", "chainwarden_probe_success"} <= names
    assert open_text.rstrip().endswith("# EOF")
    assert {family.name for family in parse_openmetrics(open_text)} >= {"antelope_p2p_connections"}


def test_a_scrape_can_ask_for_some_families_only(exporter: Program) -> None:
    found = fetch(f"{exporter.url}/metrics?name[]=antelope_head_block_number")

    assert {family.name for family in parse_text(found)} == {"antelope_head_block_number"}


def test_a_wrong_reload_keeps_the_old_configuration_and_a_right_one_takes_over(
    exporter: Program, chain: Chain
) -> None:
    good = exporter.config_path.read_text()
    exporter.config_path.write_text(good.replace("role: A", "roll: A"))
    with pytest.raises(HttpError) as caught:
        fetch(f"{exporter.url}/-/reload", "POST")

    assert caught.value.status == 500
    assert b"roll: unknown key; did you mean `role`?" in caught.value.body
    assert value(series(exporter), "chainwarden_config_last_reload_successful") == 0
    assert value(series(exporter), "antelope_head_block_number", node="A") is not None

    exporter.config_path.write_text(good.replace("world:", "elsewhere:"))
    fetch(f"{exporter.url}/-/reload", "POST")

    assert poll(
        lambda: value(series(exporter), "antelope_head_block_number", node="elsewhere") is not None, 10
    )
    assert value(series(exporter), "chainwarden_config_last_reload_successful") == 1
    assert value(series(exporter), "antelope_head_block_number", node="world") is None


def test_the_exporter_never_pauses_or_resumes_a_node(exporter: Program, chain: Chain) -> None:
    lines = chain["A"].log_path.read_text().count("Producer paused") + chain["A"].log_path.read_text().count(
        "Producer resumed"
    )
    time.sleep(5)
    after = chain["A"].log_path.read_text()

    assert after.count("Producer paused") + after.count("Producer resumed") == lines
    assert not chain["A"].paused()


def test_one_look_prints_the_metrics_and_ends(exporter: Program) -> None:
    once = subprocess.run(
        [*exporter.command(), "--once"], capture_output=True, text=True, timeout=30, check=False,
        cwd=exporter.dir, env={**exporter.environment(), "PATH": "/usr/bin:/bin"},
    )  # fmt: skip

    assert once.returncode == 0, once.stderr
    assert "antelope_head_block_number{" in once.stdout
