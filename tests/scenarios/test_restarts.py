"""Restarts on real nodes: a holder that comes back paused, a standby that comes back producing."""

import time

import pytest

from lab.blocks import BlockCollector
from lab.chain import Chain
from lab.server import poll
from lab.slack import Slack
from lab.stack import GROUP, Stack


def test_a_holder_that_restarts_is_resumed_and_a_standby_that_restarts_unpaused_is_paused(
    chain: Chain, slack: Slack, tmp_path_factory: pytest.TempPathFactory
) -> None:
    stack = Stack(tmp_path_factory.mktemp("stack"), chain, slack, limits={"cooldown": "1s", "per_day": 10})
    with stack.actuator:
        assert stack.await_ready(60), stack.group()
        _the_holder_restarts(stack)
        _a_standby_restarts_unpaused(stack, slack)
        _an_operator_takes_over(stack)


def _the_holder_restarts(stack: Stack) -> None:
    chain = stack.chain
    window = BlockCollector(chain).next_window()
    poll(lambda: window.opens - time.time() < 14, 30)

    chain["A"].restart(paused=True)

    assert poll(lambda: not chain["A"].paused(), 8), stack.cli("explain", GROUP).stdout
    assert chain["B"].paused() and chain["C"].paused()
    assert poll(lambda: stack.group()["phase"] == "steady" and bool(stack.history()["incidents"]), 40)
    (incident,) = stack.history()["incidents"]
    assert (incident["kind"], incident["target"], incident["outcome"]) == ("restore", "A", "verified")
    assert incident["certificate"]["missed"] == []


def _a_standby_restarts_unpaused(stack: Stack, slack: Slack) -> None:
    chain = stack.chain
    chain["C"].restart(paused=False)
    started = time.monotonic()

    assert poll(chain["C"].paused, 10, every=0.02), stack.cli("explain", GROUP).stdout
    assert time.monotonic() - started < 3.0
    assert not chain["A"].paused(), "the holder goes on"
    assert stack.await_phase("latched", 10)
    told = slack.wait_for(lambda message: "two of our nodes are active" in message.text, 10)
    assert "A and C are active at the same time; A stays" in told.text


def _an_operator_takes_over(stack: Stack) -> None:
    """Released, and observing again; the operator moves production by hand: told, not undone."""
    chain = stack.chain
    assert stack.cli("release", GROUP).returncode == 0
    assert stack.await_phase("steady", 60), stack.group()["why"]
    chain["A"].pause()
    chain["B"].resume()

    assert stack.await_phase("latched", 10), stack.cli("explain", GROUP).stdout
    time.sleep(3)
    assert (chain["A"].paused(), chain["B"].paused()) == (True, False)
    assert "outside chainwarden" in stack.group()["latch"]
