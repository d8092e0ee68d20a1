"""The watch of one member, on real sockets: refusals, broken connections, a clock that jumps."""

import json
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from actuator.facts import Facts, NodeFact, Reach
from actuator.failover.members import MemberWatch
from actuator.failover.readiness import paused_by_us, unready
from actuator.failover.tripwire import Tripwire
from actuator.failover.witnesses import until_settled
from lab.server import poll
from nodekit.nodeos import Nodeos
from tests.unit.failover_world import POLICY, done


def free_address() -> tuple[str, int]:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        host, port = taken.getsockname()
    return host, port


class Clock:
    """The wall clock, with corrections."""

    def __init__(self) -> None:
        self.correction = 0.0

    def __call__(self) -> float:
        return time.time() + self.correction


def watch_of(address: tuple[str, int], clock: Clock) -> MemberWatch:
    node = Nodeos(f"http://{address[0]}:{address[1]}", 0.3)
    return MemberWatch("A", node, NodeFact("A", answered_at=clock()), lambda: None, clock)


def test_refusals_are_counted_from_the_first_one() -> None:
    clock = Clock()
    watch = watch_of(free_address(), clock)
    watch.look()
    first = watch.fact({})
    watch.look()
    second = watch.fact({})
    watch.close()

    assert (first.reach, second.reach) == (Reach.REFUSED, Reach.REFUSED)
    assert first.refusals is not None and second.refusals is not None
    assert (first.refusals.count, second.refusals.count) == (1, 2)
    assert first.refusals.since == second.refusals.since
    assert second.refusals.answered_before is not None


@contextmanager
def served(answers: dict[str, object], port: int = 0) -> Iterator[tuple[str, int]]:
    """A nodeos that gives these answers."""
    handler = type("Handler", (Answers,), {"answers": answers})
    with HTTPServer(("127.0.0.1", port), handler) as server:
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        yield server.server_address[:2]  # type: ignore[misc]
        server.shutdown()


@pytest.mark.parametrize(
    ("paused", "says", "found"),
    [(False, True, True), (False, False, False), (True, True, False)],
    ids=["it produced", "the agent sees it run", "it was a standby"],
)
def test_the_agent_is_asked_about_who_produced_until_its_connection_ended(
    *, paused: bool, says: bool, found: bool
) -> None:
    asked: list[float] = []

    def stopped() -> bool:
        asked.append(time.time())
        return says

    told = threading.Event()
    with served({**THEIRS, "/v1/producer/paused": paused}) as (host, port):
        node = Nodeos(f"http://{host}:{port}", 1.0)
        watch = MemberWatch("A", node, NodeFact("A", agent=True), told.set, stopped=stopped)
        watch.look()
    watch.close()
    assert asked == [], "nobody is asked about a node that answers"
    told.clear()

    watch.look()
    assert poll(lambda: not watch.asking, 5)
    assert (watch.fact({}).stopped_at is not None) is found
    assert len(asked) == (0 if paused else 1)
    watch.look()
    assert poll(lambda: not watch.asking, 5)
    assert len(asked) == (0 if paused else 1 if found else 2), "until it says so"
    watch.close()


def test_what_an_agent_found_in_an_earlier_run_of_refusals_is_not_believed() -> None:
    answer, going = threading.Event(), threading.Event()

    def stopped() -> bool:
        going.set()
        return answer.wait(5)

    with served({**THEIRS, "/v1/producer/paused": False}) as (host, port):
        watch = MemberWatch(
            "A", Nodeos(f"http://{host}:{port}", 1.0), NodeFact("A"), lambda: None, stopped=stopped
        )
        watch.look()
    watch.close()
    watch.look()
    assert going.wait(5)
    with served({**THEIRS, "/v1/producer/paused": True}, port):
        watch.look()
    watch.close()
    watch.look()  # it refuses again

    answer.set()
    assert poll(lambda: not watch.asking, 5)
    assert watch.fact({}).reach is Reach.REFUSED
    assert watch.fact({}).stopped_at is None
    watch.close()


def test_a_corrected_clock_does_not_make_two_seconds_of_refusals() -> None:
    clock = Clock()
    watch = watch_of(free_address(), clock)
    for _ in range(3):
        watch.look()
    clock.correction = 2.5
    watch.look()

    fact = watch.fact({})
    watch.close()
    run = fact.refusals
    assert run is not None
    assert fact.silences == 1
    assert (run.count, run.last - run.since) == (1, 0.0)


def test_a_connection_that_breaks_ends_the_wait_at_once() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        wire = Tripwire(f"http://127.0.0.1:{listener.getsockname()[1]}")
        wire.arm()
        connection, _ = listener.accept()
        threading.Timer(0.1, connection.close).start()
        started = time.monotonic()

        broke = wire.wait(5.0)

        assert broke and time.monotonic() - started < 2.0
        wire.close()


def test_a_nudge_ends_the_wait_and_is_no_break() -> None:
    host, port = free_address()
    wire = Tripwire(f"http://{host}:{port}")
    wire.arm()
    threading.Timer(0.05, wire.nudge).start()
    started = time.monotonic()

    assert wire.wait(5.0) is False
    assert time.monotonic() - started < 2.0
    assert wire.wait(0.01) is False, "a nudge counts once"
    wire.close()


def test_a_witness_is_looked_at_right_after_each_slot_of_ours_is_settled() -> None:
    for now in (1000.0, 1000.07, 1000.31, 1000.32, 1000.33, 1000.49):
        at = now + until_settled(now, 0.25)
        assert 0.02 < at - now <= 0.27
        assert round((at - 0.32) * 1000) % 250 == 0


THEIRS: dict[str, object] = {
    "/v1/chain/get_info": {
        "chain_id": "theirs", "server_version": "v", "head_block_num": 9, "head_block_id": "a9",
        "head_block_time": "2026-11-20T19:54:44.500", "head_block_producer": "ours",
        "last_irreversible_block_num": 4, "last_irreversible_block_id": "a4",
        "last_irreversible_block_time": "2026-11-20T19:54:11.000", "server_version_string": "v4",
    },
    "/v1/producer/paused": True,
    "/v1/net/connections": [],
}  # fmt: skip


class Answers(BaseHTTPRequestHandler):
    """A nodeos; a paused one of the chain `theirs`."""

    answers: dict[str, object] = {}  # noqa: RUF012 - a class for each server

    def do_GET(self) -> None:
        self.do_POST()

    def do_POST(self) -> None:
        content = json.dumps((self.answers or THEIRS)[self.path]).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: object) -> None:
        """Silence."""


def test_a_node_of_another_chain_at_a_members_address_neither_fences_it_nor_takes_its_place() -> None:
    """Its port was taken by a testnet's nodeos, which obeys the pause that was meant for ours."""
    clock = Clock()
    with HTTPServer(("127.0.0.1", 0), Answers) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        watch = watch_of(server.server_address[:2], clock)  # type: ignore[arg-type]
        watch.look()
        same, other = watch.fact({}, "theirs"), watch.fact({}, "ours")
        heads = watch.heads("theirs"), watch.heads("ours")
        watch.close()
        server.shutdown()

    now = clock()
    paused = done("pause.1", "A", now - 60)
    assert (same.reach, same.paused, len(heads[0])) == (Reach.ANSWERS, True, 1)
    assert paused_by_us(same, Facts(now, (same,), None, (paused,)))
    assert (other.reach, other.paused, other.head_slot, heads[1]) == (Reach.BROKEN, None, None, ())
    assert not paused_by_us(other, Facts(now, (other,), None, (paused,)))
    assert "A does not answer (broken)" in [
        refusal.why for refusal in unready("A", Facts(now, (other,), None), POLICY)
    ]
