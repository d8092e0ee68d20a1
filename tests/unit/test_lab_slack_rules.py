"""What the local Slack refuses, and how it shows a message."""

import json
from typing import Any

import pytest

from lab.slack_rules import BURST, Bucket, judge, take
from lab.slack_view import render


def section(text: str) -> dict[str, Any]:
    return {"type": "section", "text": {"type": "mrkdwn", "text": text}}


def verdict(message: Any) -> tuple[int, str]:
    reply, _ = judge(message if isinstance(message, bytes) else json.dumps(message).encode())
    return reply.status, reply.body


@pytest.mark.parametrize(
    ("message", "word"),
    [
        (b"{", "invalid_payload"),
        (["text"], "invalid_payload"),
        ({"text": 3}, "invalid_payload"),
        ({}, "no_text"),
        ({"text": ""}, "no_text"),
        ({"text": "a" * 40_001}, "msg_too_long"),
        ({"text": "a", "blocks": [{"type": "divider"}] * 51}, "invalid_blocks"),
        ({"text": "a", "blocks": [section("a" * 3001)]}, "invalid_blocks"),
        ({"text": "a", "blocks": [section("")]}, "invalid_blocks"),
        ({"text": "a", "blocks": [{"type": "header", "text": {"text": "a" * 151}}]}, "invalid_blocks"),
        ({"text": "a", "blocks": [{"type": "section", "fields": [{"text": "a"}] * 11}]}, "invalid_blocks"),
        ({"text": "a", "blocks": [{"type": "marquee"}]}, "invalid_blocks"),
        ({"text": "a", "blocks": [section("a" * 2700)] * 5}, "msg_blocks_too_long"),
        ({"text": "a", "attachments": [{}] * 101}, "too_many_attachments"),
        ({"attachments": [{"blocks": [section("a" * 3001)]}]}, "invalid_blocks"),
    ],
)
def test_a_message_beyond_a_limit_is_refused_with_slacks_word(message: Any, word: str) -> None:
    assert verdict(message) == (400, word)


@pytest.mark.parametrize(
    "message",
    [
        {"text": "a" * 40_000},
        {"blocks": [section("a" * 3000)]},
        {"text": "a", "blocks": [{"type": "divider"}] * 50},
        {"blocks": [{"type": "header", "text": {"type": "plain_text", "text": "a" * 150}}]},
        {"attachments": [{"color": "danger", "blocks": [section("a")]}]},
    ],
)
def test_a_message_at_a_limit_is_taken(message: dict[str, Any]) -> None:
    assert verdict(message) == (200, "ok")


def test_a_burst_passes_and_then_one_message_a_second() -> None:
    bucket, passed = Bucket(at=100.0), []
    for now in (*[100.0] * (BURST + 1), 100.5, 101.1, 101.2):
        bucket, passes = take(bucket, now)
        passed.append(passes)
    assert passed == [True] * BURST + [False, False, True, False]


def test_blocks_are_shown_in_place_of_the_text() -> None:
    header = {"type": "header", "text": {"type": "plain_text", "text": ":red_circle: A is down"}}
    shown = render({"text": "fallback", "blocks": [header, section("*B* produces &lt;now&gt;")]})
    assert "fallback" not in shown
    assert "🔴 A is down" in shown
    assert "B produces <now>" in shown


def test_links_are_shown_with_their_address_and_arithmetic_stays_as_it_is() -> None:
    shown = render({"text": "see <https://example.org/x|the runbook>, 2 * 3 * 4"})
    assert "the runbook (https://example.org/x)" in shown
    assert "2 * 3 * 4" in shown


def test_attachments_are_indented_under_their_colour() -> None:
    shown = render({"attachments": [{"color": "danger", "text": "missed 2"}]})
    assert shown.splitlines() == ["│ ▌ [red]", "│ ▌ missed 2"]


def test_long_lines_are_wrapped_for_a_terminal() -> None:
    assert max(map(len, render({"text": "word " * 100}).splitlines())) <= 90
