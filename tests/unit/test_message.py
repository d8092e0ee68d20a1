"""What operators read in Slack: harmless, within the limits, and complete without blocks."""

import json
from typing import Any

import pytest

from actuator.alert import Alert
from actuator.message import Message, Tone, alert_message, cut, escape, lasted, plain, slack_payload
from lab.slack_rules import OK, judge


def texts(payload: dict[str, Any]) -> str:
    return "\n".join(
        block["text"]["text"] for block in payload["attachments"][0]["blocks"] if block["type"] == "section"
    )


def test_an_alert_says_what_where_since_when_and_where_to_look() -> None:
    alert = Alert(
        "firing", "f", {"alertname": "AntelopeNodeDown", "node": "tokyo", "severity": "critical", "role": "A"},
        {"summary": "A node does not answer.", "description": "tokyo has not answered.", "runbook_url": "https://r/x"},
        1000.0, "http://prometheus/graph",
    )  # fmt: skip

    message = alert_message(alert, 1045.0, "http://am")

    assert message.title == "[FIRING] AntelopeNodeDown tokyo (critical)"
    assert message.tone is Tone.DANGER
    assert dict(message.paragraphs) == {
        "What is wrong": "A node does not answer.\ntokyo has not answered.",
        "Since": "1970-01-01 00:16:40 UTC, 45 s",
        "Labels": "node=tokyo, role=A",
    }
    assert [label for label, _ in message.links] == ["Runbook", "Source", "Alertmanager"]


def test_a_resolved_alert_is_good_news() -> None:
    message = alert_message(Alert("resolved", "f", {"alertname": "X"}, {}, 0.0), 7300.0)

    assert message.tone is Tone.GOOD
    assert dict(message.paragraphs)["Resolved, began"].endswith("2.0 h")


@pytest.mark.parametrize(
    "hostile",
    ["<!channel> fire", "<@U123> look", "<https://evil|Runbook>", "a & b < c > d", "x" * 100_000, "&" * 50_000,
     "\u202eright to left", "🔥" * 20_000, "*_~````"],
    ids=["channel", "mention", "link", "signs", "long", "escapes", "rtl", "emoji", "markup"],
)  # fmt: skip
def test_hostile_text_comes_out_harmless_and_slack_takes_it(hostile: str) -> None:
    labels = {"alertname": hostile, "node": hostile, "severity": "critical"}
    payload = slack_payload(
        alert_message(Alert("firing", "f", labels, {"summary": hostile}, 0.0), 1.0, hostile)
    )
    reply, _ = judge(json.dumps(payload).encode())

    assert reply is OK
    for text in (payload["text"], texts(payload)):
        assert "<!" not in text and "<@" not in text and "<http" not in text


def test_the_fallback_text_holds_the_whole_message() -> None:
    message = Message("Title", Tone.GOOD, (("What", "this"), ("Cost", "3 blocks")))

    assert plain(message) == "Title\nWhat: this\nCost: 3 blocks"
    assert slack_payload(message)["text"] == plain(message)


def test_a_cut_text_keeps_its_limit_and_never_ends_in_half_an_escape() -> None:
    text = escape("<" * 100)
    for limit in range(1, 60):
        shorter = cut(text, limit)
        assert len(shorter) <= limit
        assert shorter.rstrip("…").count("&") == shorter.count(";")


@pytest.mark.parametrize(("seconds", "said"), [(-3, "0 s"), (119, "119 s"), (120, "2 min"), (7200, "2.0 h")])
def test_lengths_of_time_are_said_as_people_say_them(seconds: float, said: str) -> None:
    assert lasted(seconds) == said
