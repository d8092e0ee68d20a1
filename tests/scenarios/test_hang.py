"""SIGSTOP of the active node in the middle of its window, and the moment when it wakes."""

import time

import pytest

from lab.blocks import BlockCollector
from lab.browser import Browser
from lab.chain import Chain
from lab.server import poll
from lab.slack import Slack
from lab.stack import GROUP, Stack
from nodekit.http import HttpError
from nodekit.slots import slot_of


def test_a_hung_producer_is_replaced_and_pauses_itself_when_it_wakes(
    chain: Chain, slack: Slack, tmp_path_factory: pytest.TempPathFactory
) -> None:
    stack = Stack(tmp_path_factory.mktemp("stack"), chain, slack)
    with stack.actuator:
        assert stack.await_ready(60), stack.group()
        blocks = BlockCollector(chain)
        window = blocks.next_window()
        poll(lambda: slot_of(chain.world.info().head_time) >= window.first_slot + 3, 60, every=0.01)

        chain["A"].hang()

        assert poll(lambda: not chain["B"].paused(), 10, every=0.02), stack.cli(
            "explain", "eosstorebest"
        ).stdout
        truth = blocks.settle(window.last_slot)
        strip = truth.strip(window.first_slot, window.last_slot)
        assert truth.missed(window.first_slot, window.last_slot) <= 5, strip
        verified = slack.wait_for(lambda message: "takeover verified" in message.text, 20)
        assert "does not answer" in verified.text

        chain["A"].wake()
        woken = time.monotonic()
        assert poll(lambda: reads_paused(chain), 5, every=0.02)
        assert time.monotonic() - woken < 1.0, "a pause waited at the node for this moment"
        assert poll(lambda: stack.group()["nodes"][0]["paused"] is True, 5)
        after = blocks.next_window()
        truth = blocks.settle(after.last_slot)
        assert truth.strip(after.first_slot, after.last_slot) == "B" * 12
        assert stack.group()["holder"] == "B"
        _an_operator_holds_schedules_and_tries(stack)
        _the_page_shows_it_and_its_buttons_work(stack)


def _the_page_shows_it_and_its_buttons_work(stack: Stack) -> None:
    with Browser() as browser:
        browser.open(f"{stack.actuator.url}/")
        shown = browser.wait_for("B produces for eosstorebest")
        assert "takeover A→B" in shown and "verified" in shown
        browser.click("[data-act=try]")
        assert "2. resume A" in browser.wait_for("resume A", "#said")
        browser.open(f"{stack.actuator.url}/")
        browser.click("[data-act=hold]")
        assert "held: the group until" in browser.wait_for("held on the page")
        browser.click("[data-act=unhold]")
        assert poll(lambda: stack.group()["holds"] == [], 5)
        assert browser.complaints() == []


def _an_operator_holds_schedules_and_tries(stack: Stack) -> None:
    held = stack.cli("hold", GROUP, "C", "--for", "1h", "--reason", "disk is being changed")
    refused = stack.cli("switchover", GROUP, "--to", "C")
    explained = stack.cli("explain", GROUP).stdout
    tried = stack.cli("switchover", GROUP, "--to", "A", "--dry-run")
    scheduled = stack.cli("switchover", GROUP, "--to", "A", "--at", "2040-01-01T03:00Z")
    later = stack.group()["scheduled"]
    cancelled = stack.cli("switchover", GROUP, "--cancel")
    ended = stack.cli("unhold", GROUP, "C")
    wrong = stack.cli("hold", GROUP, "C", "--for", "soon", "--reason", "x")

    assert (held.returncode, ended.returncode, cancelled.returncode) == (0, 0, 0)
    assert refused.returncode == 1 and "C is held: disk is being changed" in refused.stderr
    assert "held: C until" in explained
    assert tried.returncode == 0 and "2. resume A, which is ready now" in tried.stdout
    assert "first gap after 2040-01-01 03:00:00 UTC" in scheduled.stdout
    assert later["to"] == "A" and stack.group()["scheduled"] is None
    assert stack.group()["holds"] == []
    assert wrong.returncode == 2 and "'soon' is no duration" in wrong.stderr
    assert [row["kind"] for row in stack.history()["incidents"]] == ["takeover"]


def reads_paused(chain: Chain) -> bool:
    try:
        return chain["A"].paused()
    except HttpError:
        return False
