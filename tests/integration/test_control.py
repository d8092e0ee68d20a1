"""Pause and resume on real nodes: over another port, a unix socket, and to a node that hangs."""

import socket
import time
from dataclasses import replace
from pathlib import Path

import pytest

from actuator.failover.control import NodeControl, QueuedError, WritePath, surely_not_done
from lab.chain import Chain
from lab.ports import free_port
from lab.server import poll
from nodekit.http import HttpError, Reason


def reads(node: NodeControl, expected: bool) -> bool:
    try:
        return node.paused() is expected
    except HttpError:
        return False


def test_pause_and_resume_are_acknowledged_and_read_back(chain: Chain) -> None:
    node = NodeControl(chain["B"].url, chain["B"].url, 1.0)

    node.send(WritePath.PAUSE)
    assert node.paused()
    chain["A"].pause()
    node.send(WritePath.RESUME)
    assert not node.paused()


def test_a_dead_node_surely_did_nothing(chain: Chain) -> None:
    node = NodeControl(chain["C"].url, chain["C"].url, 1.0)
    chain["C"].kill9()

    with pytest.raises(HttpError) as caught:
        node.send(WritePath.PAUSE)

    assert caught.value.reason is Reason.REFUSED
    assert surely_not_done(caught.value)


def test_a_pause_to_a_hung_node_waits_there_and_fires_when_it_wakes(chain: Chain) -> None:
    node = NodeControl(chain["A"].url, chain["A"].url, 1.0)
    chain["A"].hang()
    try:
        with pytest.raises(QueuedError) as caught:
            node.send(WritePath.PAUSE, timeout=0.3)
        assert not surely_not_done(caught.value)
    finally:
        chain["A"].wake()

    assert poll(lambda: reads(node, expected=True), 5)


def test_a_call_that_never_reached_the_other_side_is_not_taken_for_waiting_there() -> None:
    """A listener whose backlog is full accepts nothing: the connection is not even established."""
    with socket.socket() as full:
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        address = full.getsockname()
        fillers = [socket.socket() for _ in range(4)]
        for filler in fillers:
            filler.setblocking(False)
            filler.connect_ex(address)
        time.sleep(0.1)
        node = NodeControl(f"http://127.0.0.1:{address[1]}", f"http://127.0.0.1:{address[1]}", 0.3)

        with pytest.raises(HttpError) as caught:
            node.send(WritePath.PAUSE)

        for filler in fillers:
            filler.close()
    assert not isinstance(caught.value, QueuedError)
    assert caught.value.reason is Reason.TIMEOUT


def test_a_node_that_takes_orders_on_a_unix_socket_only(chain: Chain, tmp_path: Path) -> None:
    """Leap's API categories: reads on the usual port, pause and resume on a socket in the file system."""
    member = chain["C"]
    member.stop()
    spec = member.spec
    read_port = free_port()
    categories = [
        word
        for category in (
            f"chain_ro,127.0.0.1:{read_port}",
            f"net_ro,127.0.0.1:{read_port}",
            f"producer_ro,127.0.0.1:{read_port}",
            "producer_rw,./orders.sock",
        )
        for word in ("--http-category-address", category)
    ]
    member.spec = replace(spec, extra=("--http-server-address", "http-category-address", *categories))
    member.start_paused = True
    try:
        member.launch()
        read_url = f"http://127.0.0.1:{read_port}"
        orders = f"unix://{member.dir / 'data' / 'orders.sock'}"
        node = NodeControl(read_url, orders, 1.0)
        assert poll(lambda: reads(node, expected=True), 15), member.log_tail()

        with pytest.raises(HttpError) as caught:
            NodeControl(read_url, read_url, 1.0).send(WritePath.RESUME)
        assert caught.value.status == 404

        chain["A"].pause()
        node.send(WritePath.RESUME)
        assert not node.paused()
        node.send(WritePath.PAUSE)
        assert node.paused()
    finally:
        member.stop()
        member.spec = spec
