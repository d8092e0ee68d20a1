"""Nodes that answer nonsense: a reason in chainwarden_probe_failures_total and a line in the log, nothing else."""

import json
import logging
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from exporter.collectors import COLLECTORS
from exporter.collectors.peers import LINKS
from exporter.config import Config
from exporter.observation import Sample
from exporter.oneoff import OneLook, RefusedError
from exporter.scheduler import Scheduler
from exporter.snapshot import FAILURES, Store, fresh_samples, probe_samples
from nodekit.nodeos import READ_PATHS, Nodeos
from tests.unit.test_exporter_production import Recorder, serving

INFO = {
    "chain_id": "c", "server_version": "v", "head_block_num": 9, "head_block_id": "a9",
    "head_block_time": "2026-11-20T19:54:44.500", "head_block_producer": "bp", "last_irreversible_block_num": 1,
    "last_irreversible_block_id": "a1",
}  # fmt: skip


def whole(body: str, status: str = "200 OK", more: str = "") -> bytes:
    return f"HTTP/1.1 {status}\r\nContent-Length: {len(body)}\r\n{more}\r\n{body}".encode()


ANSWERS = {
    "HTML": (whole("<!doctype html><title>502 Bad Gateway</title>"), "bad_json"),
    "truncated JSON": (whole(json.dumps(INFO)[:80]), "bad_json"),
    "less than it announced": (b"HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n{", "closed"),
    "another shape": (whole('{"chain_id": 1}'), "schema"),
    "a list": (whole("[]"), "schema"),
    "a number too large": (whole(json.dumps({**INFO, "head_block_time": "99999-01-01T00:00:00"})), "schema"),
    "5 MB of JSON": (whole(json.dumps({**INFO, "padding": "x" * 5_000_000})), "too_large"),
    "a redirect": (whole("", "302 Found", "Location: http://127.0.0.1:1/\r\n"), "redirect"),
    "a closed category": (whole('{"code": 404}', "404 Not Found"), "http_status"),
    "an internal error": (whole('{"code": 500}', "500 Internal Service Error"), "http_status"),
    "nothing": (b"", "closed"),
}


class Liar:
    """A server that gives one answer to everything, slowly if asked to."""

    def __init__(self, answer: bytes, *, drip: bool = False) -> None:
        self._answer = answer
        self._drip = drip
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        self.asked: list[bytes] = []
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def _serve(self) -> None:
        while True:
            try:
                peer, _ = self._listener.accept()
            except OSError:
                return
            with peer:
                self.asked.append(peer.recv(65536).split(b" ")[1])
                try:
                    for part in self._parts():
                        peer.sendall(part)
                except OSError:
                    continue

    def _parts(self) -> Iterator[bytes]:
        if not self._drip:
            yield self._answer
            return
        for byte in self._answer:
            yield bytes([byte])
            if self._ended.wait(1.0):
                return

    def stop(self) -> None:
        self._ended.set()
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join(5)


@contextmanager
def lying(answer: bytes, *, drip: bool = False) -> Iterator[Liar]:
    liar = Liar(answer, drip=drip)
    try:
        yield liar
    finally:
        liar.stop()


def look(url: str) -> tuple[dict[tuple[str, str], float], list[Sample]]:
    """One look of every source at a node: (probe, reason) → failures, and what is shown of the node."""
    nodes = {"A": {"url": url, "timeout": "300ms"}}
    config = Config.model_validate({"chains": {"eos": {"producers": ["bp"], "nodes": nodes}}})
    store = Store()
    sources = [source for module in COLLECTORS for source in module.build(config)]
    scheduler = Scheduler(sources, store)
    scheduler.look_once()
    scheduler.stop()
    failures = {
        (sample.labels[0], sample.labels[2]): sample.value
        for sample in probe_samples(store.records())
        if sample.metric is FAILURES
    }
    return failures, list(fresh_samples(store.records(), time.time()))


@pytest.mark.parametrize(("answer", "reason"), ANSWERS.values(), ids=ANSWERS)
def test_a_bad_answer_is_a_reason_and_a_line_and_nothing_else(
    answer: bytes, reason: str, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO), lying(answer) as liar:
        failures, shown = look(liar.url)

    assert failures["nodeos", reason] == 1
    assert failures["production", reason] == 1
    # An empty list is a right answer of the net API, and of a local node that closes it sockets are counted.
    assert {sample.metric for sample in shown} <= {LINKS}
    assert all(record.levelno == logging.WARNING and record.exc_info is None for record in caplog.records)
    assert len(caplog.records) == len(failures), "one line for each probe that failed"


def test_one_byte_a_second_costs_the_timeout_and_no_more(caplog: pytest.LogCaptureFixture) -> None:
    started = time.monotonic()
    with lying(whole(json.dumps(INFO)), drip=True) as liar:
        failures, shown = look(liar.url)

    assert failures["nodeos", "timeout"] == 1
    assert shown == []
    assert time.monotonic() - started < 10
    assert len(caplog.records) == len(failures)


def test_whatever_a_node_answers_only_read_paths_are_asked() -> None:
    for answer, _ in ANSWERS.values():
        with lying(answer) as liar:
            look(liar.url)
        assert liar.asked
        assert {path.decode() for path in liar.asked} <= READ_PATHS


def every_look(chain: dict[str, object], times: int) -> tuple[dict[tuple[str, ...], float], list[Sample]]:
    """Some looks of all sources: (probe, target, reason) → failures, and what is shown in the end."""
    config = Config.model_validate({"chains": {"eos": chain}})
    store = Store()
    scheduler = Scheduler([source for module in COLLECTORS for source in module.build(config)], store)
    for _ in range(times):
        scheduler.look_once()
    scheduler.stop()
    failed = {one.labels: one.value for one in probe_samples(store.records()) if one.metric is FAILURES}
    return failed, list(fresh_samples(store.records(), time.time()))


def test_a_node_of_another_chain_is_a_reason_and_nothing_of_it_is_believed() -> None:
    """It is the first of the file, and its chain is longer and its schedule newer."""
    wrong, right, other = Recorder(chain_id="bad", blocks=5000), Recorder(), Recorder()
    wrong.version, wrong.producers = 77, ("aa", "xx")
    with serving(wrong, right, other):
        nodes = {"W": {"url": wrong.url}, "A": {"url": right.url}, "B": {"url": other.url}}
        failed, shown = every_look({"producers": ["bb"], "nodes": nodes}, times=2)

    # Before the others had said their chain, the first look at it was as good as any.
    assert {labels for labels in failed if labels[2] == "wrong_chain"} == {("nodeos", "W", "wrong_chain")}
    values = {(one.metric.name, *one.labels): one.value for one in shown}
    assert values["antelope_schedule_version", "eos", "active"] == 1
    assert values["antelope_producer_scheduled", "eos", "bb"] == 1
    assert values["antelope_node_on_chain", "A"] == values["antelope_node_on_chain", "B"] == 1
    assert ("antelope_node_on_chain", "W") not in values
    assert "xx" not in {label for labels in values for label in labels}


def test_a_configured_chain_id_is_believed_more_than_all_nodes(caplog: pytest.LogCaptureFixture) -> None:
    node = Recorder(chain_id="bad")
    with serving(node):
        failed, shown = every_look({"chain_id": "e4" * 32, "nodes": {"A": {"url": node.url}}}, times=1)

    assert failed["nodeos", "A", "wrong_chain"] == failed["production", "eos", "wrong_chain"] == 1
    assert not [one for one in shown if one.metric.name.startswith(("antelope_head", "antelope_prod"))]
    assert "runs chain bad" in str([record.__dict__.get("fields") for record in caplog.records])


MISCHIEF = (
    "?",
    "#",
    "?x=",
    "/..",
    "/.",
    "//",
    "\\",
    "%3F",
    "%23",
    "%0d%0a",
    ";",
    " ",
    "\r\n",
    "\t",
    "@",
    ":80",
    "&",
    "/x",
)
PATHS = ("/v1/producer/pause", "/v1/producer/resume", "/v1/producer/%70ause", "/v1/net/disconnect", "/v1")


@settings(max_examples=150)
@given(st.lists(st.sampled_from((*MISCHIEF, *PATHS)), max_size=5).map("".join))
@example("/v1/producer/pause?")
@example("/v1/producer/pause#")
def test_whatever_is_written_as_a_target_only_read_paths_are_asked(more: str) -> None:
    """/probe takes its target from whoever asks; nodeos looks at all before a `?`."""
    with lying(whole("{}")) as liar:
        try:
            tuple(OneLook(liar.url + more, "nodeos", 0.3).samples(0.0))
        except RefusedError:
            return
    for path in liar.asked:
        assert path.decode().partition("?")[0].endswith(tuple(READ_PATHS)), path


@pytest.mark.parametrize("more", ["/v1/producer/pause?", "/v1/producer/pause#", "?", "/v1/producer/resume"])
def test_an_address_that_would_swallow_or_change_the_path_is_refused(more: str) -> None:
    with pytest.raises(RefusedError):
        OneLook("http://127.0.0.1:8888" + more, "nodeos", 1.0)
    if "pause" in more:
        with pytest.raises(ValueError, match="no address"):
            Nodeos("http://127.0.0.1:8888" + more)


@pytest.mark.parametrize("path", ["/v1/producer/pause", "/v1/producer/%70ause?x", "/v1/producer/x/../resume"])
def test_no_configured_address_pauses_a_node_by_being_looked_at(path: str) -> None:
    url = "http://127.0.0.1:8888" + path
    endpoint = {"chain_id": 50, "coin": "XDC", "rpc": [url], "accounts": []}
    for config in ({"services": {"x": {"http": url}}}, {"networks": {"x": endpoint}}):
        with pytest.raises(ValidationError, match="changes the node"):
            Config.model_validate(config)
    assert Config.model_validate({"services": {"x": {"http": "http://127.0.0.1:8888/v1/producer/paused"}}})
