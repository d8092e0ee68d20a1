"""The watch of one member, on real sockets: refusals, broken connections, a clock that jumps."""

import socket
import threading
import time

from actuator.facts import NodeFact, Reach
from actuator.failover.members import MemberWatch
from actuator.failover.tripwire import Tripwire
from actuator.failover.witnesses import until_settled
from nodekit.nodeos import Nodeos


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


def test_a_corrected_clock_does_not_make_two_seconds_of_refusals() -> None:
    clock = Clock()
    watch = watch_of(free_address(), clock)
    for _ in range(3):
        watch.look()
    clock.correction = 2.5
    watch.look()

    run = watch.fact({}).refusals
    watch.close()
    assert run is not None
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
