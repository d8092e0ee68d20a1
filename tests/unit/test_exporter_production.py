"""The production source in front of nodes that count what they are asked: which node, how often, what if not."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from exporter.accounting import Mark
from exporter.antelope.sight import sights
from exporter.books import SETTLED
from exporter.collector import CollectorError
from exporter.collectors import COLLECTORS
from exporter.collectors.production import VERIFY_EVERY, ProductionSource
from exporter.config import Config
from exporter.configs.chains import Chain
from exporter.memory import MemoryFile
from nodekit.http import HttpError
from nodekit.nodeos import READ_PATHS
from nodekit.slots import owner, slot_time

PRODUCERS: tuple[str, ...] = ("aa", "bb", "cc", "dd")
START = 48 * 30_000_000


class Recorder:
    """A local server that answers as a nodeos whose blocks the test makes, and keeps what it was asked."""

    def __init__(self, chain_id: str = "e4c8", blocks: int = 100) -> None:
        self.chain_id = chain_id
        self.blocks = [Mark(num, START + num, f"a{num}", 1) for num in range(1, blocks + 1)]
        self.asked: list[str] = []
        self.url = ""
        self.producers = PRODUCERS
        self.version = 1

    @property
    def now(self) -> float:
        """A moment at which the head is fresh."""
        return slot_time(self.blocks[-1].slot) + 0.1

    def make(self, *filled: bool, branch: str = "a") -> None:
        """A block, or none, in each of the next slots."""
        slot = self.blocks[-1].slot
        for offset, has_block in enumerate(filled, start=1):
            if has_block:
                num = len(self.blocks) + 1
                self.blocks.append(Mark(num, slot + offset, f"{branch}{num}", self.version))

    def answer(self, path: str, body: bytes) -> tuple[int, object]:
        self.asked.append(path)
        head = self.blocks[-1]
        if path == "/v1/chain/get_info":
            return 200, {
                "chain_id": self.chain_id, "server_version": "v", "head_block_num": head.num,
                "head_block_id": head.id, "head_block_time": written(head.slot), "head_block_producer": owner(head.slot, self.producers),
                "last_irreversible_block_num": 1, "last_irreversible_block_id": "a1",
            }  # fmt: skip
        if path == "/v1/chain/get_producer_schedule":
            rows = [{"producer_name": name, "block_signing_key": "EOS"} for name in self.producers]
            return 200, {"active": {"version": self.version, "producers": rows}}
        if path == "/v1/producer/paused":
            return 201, False
        if path == "/v1/net/connections":
            return 201, []
        if not body:
            return 404, {"error": {"what": "unspecified"}}
        num = json.loads(body)["block_num"]
        if num > head.num:
            return 400, {"error": {"what": "Unknown block"}}
        block = self.blocks[num - 1]
        return 200, {
            "block_num": num, "id": block.id, "timestamp": written(block.slot), "previous": "",
            "producer": owner(block.slot, self.producers), "schedule_version": block.schedule_version,
        }  # fmt: skip


def written(slot: int) -> str:
    return (
        datetime.fromtimestamp(slot_time(slot), UTC).replace(tzinfo=None).isoformat(timespec="milliseconds")
    )


@contextmanager
def serving(*nodes: Recorder) -> Iterator[None]:
    servers = [ThreadingHTTPServer(("127.0.0.1", 0), handler(node)) for node in nodes]
    threads = [threading.Thread(target=server.serve_forever, args=(0.01,)) for server in servers]
    for node, server, thread in zip(nodes, servers, threads, strict=True):
        node.url = f"http://127.0.0.1:{server.server_port}"
        server.daemon_threads = True
        thread.start()
    try:
        yield
    finally:
        for server, thread in zip(servers, threads, strict=True):
            server.shutdown()
            server.server_close()
            thread.join(5)


def handler(node: Recorder) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            status, content = node.answer(self.path, body)
            text = json.dumps(content).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's name
            pass

    return Handler


def source(*nodes: Recorder, memory: MemoryFile | None = None) -> ProductionSource:
    rows = {f"n{number}": {"url": node.url} for number, node in enumerate(nodes)}
    chain = Chain.model_validate({"producers": ["bb"], "nodes": rows})
    return ProductionSource("eos", chain, tuple(sights(chain).values()), memory)


def seen(looker: ProductionSource, now: float) -> dict[tuple[str, str], float]:
    """One look, of the nodes and of the chain: (metric without prefix, producer) → value."""
    for node in looker.nodes:
        with suppress(HttpError):
            node.look(now)
    return {
        (sample.metric.name.removeprefix("antelope_producer_"), sample.labels[1]): sample.value
        for sample in looker.observe(now)
    }


def reason(looker: ProductionSource, now: float) -> str:
    for node in looker.nodes:
        with suppress(HttpError):
            node.look(now)
    with pytest.raises(CollectorError) as caught:
        list(looker.observe(now))
    return caught.value.reason


def test_a_minute_of_a_healthy_chain_costs_a_get_info_a_second_and_little_else() -> None:
    active, standby = Recorder(), Recorder()
    for node in (active, standby):
        node.producers = (*PRODUCERS, *(f"p{number}" for number in range(17)))
    with serving(active, standby):
        rows = {
            f"n{number}": {"url": node.url, "group": "bb"} for number, node in enumerate((active, standby))
        }
        config = Config.model_validate({"chains": {"eos": {"producers": ["bb"], "nodes": rows}}})
        sources = [source for module in COLLECTORS for source in module.build(config)]
        due = {id(source): active.now for source in sources}
        for _ in range(120):
            for node in (active, standby):
                node.make(True, True)
            for looker in sources:
                if active.now >= due[id(looker)]:
                    due[id(looker)] += looker.interval
                    list(looker.observe(active.now))
        for looker in sources:
            looker.close()

    for node in (active, standby):
        assert set(node.asked) <= READ_PATHS
        assert node.asked.count("/v1/chain/get_info") == 120
        assert len(node.asked) <= 2.2 * 120
    assert len(active.asked) - active.asked.count("/v1/producer/paused") <= 1.7 * 120


def test_get_info_alone_counts_as_blocks_read_one_by_one_do() -> None:
    node = Recorder()
    with serving(node):
        often = source(node)
        rarely = source(node)
        seen(often, node.now)
        seen(rarely, node.now)
        for empty in (0, 1, 0, 0, 12, 0, *[0] * 90, 1, 0):
            node.make(*[False] * empty, True)
            seen(often, node.now)
        node.make(*[True] * SETTLED)
        for late in (20, 40, 60):
            counted, at_once = seen(often, node.now + late), seen(rarely, node.now + late)
        often.close()
        rarely.close()

    assert counted == at_once
    assert sum(count for (name, _), count in counted.items() if name == "blocks_missed_total") == 14


def test_a_change_of_the_schedule_is_seen_at_the_first_block_of_another_owner() -> None:
    node = Recorder()
    with serving(node):
        looker = source(node)
        seen(looker, node.now)
        node.make(*[True] * 10)
        seen(looker, node.now)
        node.producers = ("zz", "bb", "cc", "dd")
        node.version = 2
        node.make(*[True] * 60)
        found = seen(looker, node.now)
        looker.close()

    assert found["scheduled", "zz"] == 1
    assert found["scheduled", "aa"] == 0


def test_counters_go_on_without_a_slot_twice_when_another_node_answers() -> None:
    first, second = Recorder(), Recorder()
    with serving(first, second):
        looker = source(first, second)
        seen(looker, first.now)
        for node in (first, second):
            node.make(*[True] * 20, False, *[True] * (SETTLED + 1))
        before = seen(looker, first.now)
        first.asked.clear()
        late = first.now + 60
        second.make(*[True] * 120)
        after = seen(looker, late)
        first.asked.clear()
        again = {
            (sample.metric.name.removeprefix("antelope_producer_"), sample.labels[1]): sample.value
            for sample in looker.observe(late)
        }
        looker.close()

    missed = {name: count for (metric, name), count in before.items() if metric == "blocks_missed_total"}
    assert sum(missed.values()) == 1
    assert {name: after["blocks_missed_total", name] for name in PRODUCERS} == missed
    grown = sum(
        after["blocks_produced_total", name] - before["blocks_produced_total", name] for name in PRODUCERS
    )
    assert grown == 120
    assert again == after
    assert first.asked == [], "the node that was behind is asked no more"


def test_a_node_of_another_chain_is_passed_over_and_alone_it_is_a_reason() -> None:
    right, wrong = Recorder(), Recorder(chain_id="beef", blocks=5000)
    with serving(wrong):
        with serving(right):
            looker = source(right, wrong)
            seen(looker, right.now)
            stale = right.now + 30
            assert seen(looker, stale)["scheduled", "bb"] == 1
        assert reason(looker, stale) == "wrong_chain"
        looker.close()


def test_what_was_kept_of_another_chain_is_not_counted_on(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    old, new = Recorder(chain_id="01d", blocks=5000), Recorder(chain_id="4e3", blocks=90)
    memory = MemoryFile(tmp_path / "m.json")
    with serving(old, new):
        looker = source(old, memory=memory)
        seen(looker, old.now)
        looker.close()
        looker = source(new, memory=memory)
        found = seen(looker, new.now)
        looker.close()

    assert found["blocks_produced_total", "aa"] == 0
    assert "counting begins anew" in caplog.text
    kept = memory.load()
    assert kept is not None and kept.chain_id == "4e3"


def test_a_restart_goes_on_where_the_last_run_stopped(tmp_path: Path) -> None:
    node, memory = Recorder(), MemoryFile(tmp_path / "m.json")
    with serving(node):
        looker = source(node, memory=memory)
        seen(looker, node.now)
        node.make(*[True] * 9)
        before = seen(looker, node.now + VERIFY_EVERY)
        looker.close()
        node.make(*[True] * 30, False, False, *[True] * 60)
        looker = source(node, memory=memory)
        after = seen(looker, node.now)
        looker.close()

    assert sum(before["blocks_produced_total", name] for name in PRODUCERS) == 9
    assert sum(after["blocks_produced_total", name] for name in PRODUCERS) == 99
    assert sum(after["blocks_missed_total", name] for name in PRODUCERS) == 2


def test_a_deep_fork_is_one_failed_look_and_then_it_goes_on() -> None:
    node = Recorder()
    with serving(node):
        looker = source(node)
        seen(looker, node.now)
        del node.blocks[40:]
        node.make(*[True] * 70, branch="deep")
        assert reason(looker, node.now + VERIFY_EVERY) == "deep_fork"
        found = seen(looker, node.now)
        looker.close()

    assert found["missed_in_turn", "aa"] == 0


def test_a_schedule_that_cannot_be_known_is_a_reason() -> None:
    node = Recorder()
    node.blocks = [Mark(block.num, block.slot, block.id, 7) for block in node.blocks]
    with serving(node):
        looker = source(node)
        assert reason(looker, node.now) == "unknown_schedule"
        looker.close()
