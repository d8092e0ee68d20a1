"""What operators read: harmless, within the limits, cut where people would cut, and complete without blocks."""

import json
from dataclasses import replace

import pytest

from actuator.alert import Alert
from actuator.message import (
    Message,
    Note,
    Tone,
    alert_note,
    as_arguments,
    clean,
    cut,
    cut_bytes,
    from_arguments,
    lasted,
    plain,
)
from actuator.notify.parts import MAX_PARTS, combine, split
from actuator.notify.samples import SAMPLES
from actuator.notify.texts import Texts
from actuator.sinks import wecom
from actuator.sinks.slackform import escape, slack_fits, slack_payload
from lab.slack_rules import OK, judge

TEXTS = Texts()
HOSTILE = {
    "channel": "<!channel> fire",
    "mention": "<@U123> look <@all> @all",
    "link": "<https://evil|Runbook> [Runbook](https://evil)",
    "signs": "a & b < c > d",
    "long": "x" * 1_000_000,
    "escapes": "&" * 50_000,
    "rtl": "\u202eright to left\u2066",
    "emoji": "🔥" * 20_000,
    "markup": "*_~````# > \n# heading",
    "font": '<font color="info">all is well</font>',
    "nul": "a\0b\x1b[31m\u200bc\ud800d",
    "template": "{{ 7*7 }}{% raw %}{{ secret }}",
    "lines": "\n" * 5000,
}


def written(alert: Alert, now: float = 1045.0, language: str = "en") -> Message:
    return TEXTS.write(alert_note(alert, "http://am"), language, now)


def test_an_alert_says_what_where_since_when_and_where_to_look() -> None:
    alert = Alert(
        "firing", "f", {"alertname": "AntelopeNodeDown", "node": "tokyo", "severity": "critical", "role": "A", "zone": "x"},
        {"summary": "A node does not answer.", "description": "tokyo has not answered.", "runbook_url": "https://r/x"},
        1000.0, "http://prometheus/graph",
    )  # fmt: skip

    message = written(alert)

    assert message.title == "[FIRING] AntelopeNodeDown tokyo (critical)"
    assert message.tone is Tone.DANGER
    assert dict(message.paragraphs) == {
        "What is wrong": "A node does not answer.\ntokyo has not answered.",
        "Since": "1970-01-01 00:16:40 UTC, 45 s",
        "Where": "Node: tokyo\nRole: A",
        "Labels": "zone=x",
    }
    assert [label for label, _ in message.links] == ["Runbook", "Source", "Silence"]
    assert "alertname%3D%22AntelopeNodeDown%22" in dict(message.links)["Silence"]


def test_a_resolved_alert_is_good_news_and_says_how_long_and_how_it_ended() -> None:
    alert = Alert("resolved", "f", {"alertname": "X", "severity": "critical"}, {}, 0.0, ends_at=7200.0)
    done = [
        {
            "action": "failover",
            "target": "group:bp",
            "group": "bp",
            "state": "ok",
            "detail": "attached to takeover #3",
        }
    ]

    message = TEXTS.write(alert_note(alert), "en", 9000.0, done)

    assert message.tone is Tone.GOOD
    assert dict(message.paragraphs)["Over since"] == (
        "1970-01-01 02:00:00 UTC, it lasted 2.0 h, from 1970-01-01 00:00:00 UTC"
    )
    assert (
        dict(message.paragraphs)["What chainwarden did"]
        == "failover of group bp: done, attached to takeover #3"
    )


@pytest.mark.parametrize("language", ["en", "zh", "ja"])
@pytest.mark.parametrize("hostile", HOSTILE.values(), ids=HOSTILE)
def test_hostile_text_comes_out_harmless_and_every_channel_takes_it(hostile: str, language: str) -> None:
    labels = {"alertname": hostile, "node": hostile, "severity": "critical"}
    texts = {"summary": hostile, "error": hostile, "lines": hostile, "runbook_url": hostile}
    alert = Alert("firing", "f", labels, texts, 0.0, hostile)
    message = TEXTS.write(alert_note(alert, hostile), language, 1.0)

    for part in split(message, slack_fits):
        payload = slack_payload(part)
        reply, _ = judge(json.dumps(payload).encode())
        marked = json.dumps([payload["text"], payload["attachments"]], ensure_ascii=False)
        assert reply is OK
        assert "<!" not in marked and "<@" not in marked and "<https://evil" not in marked
        assert "\u202e" not in json.dumps(payload, ensure_ascii=False)
    for part in split(message, lambda one: wecom.fits(one, wecom.ROBOT_MARKDOWN, simple=False)):
        shown = wecom.markdown(part)
        assert len(shown.encode()) <= wecom.ROBOT_MARKDOWN
        assert "<@" not in shown and "](https://evil" not in shown
        assert shown.count("<font") == shown.count("</font>") == 1
        assert "49" not in part.title


def test_what_a_machine_said_is_quoted_letter_by_letter() -> None:
    alert = Alert(
        "firing", "f", {"alertname": "LogErrors"}, {"lines": "[E] `boom` *bold* ```fence``` <!here>"}, 0.0
    )
    message = written(alert)

    assert "```[E] `boom` *bold* '''fence''' &lt;!here&gt;```" in json.dumps(slack_payload(message))
    assert "> ［E］ 'boom' ＊bold＊".encode() in wecom.markdown(message).encode()  # noqa: RUF001 - look-alikes


def test_the_fallback_text_holds_the_whole_message() -> None:
    message = Message("Title", Tone.GOOD, (("What", "this"), ("Lines", "1\n2")))

    assert plain(message) == "Title\nWhat: this\nLines:\n1\n2"
    assert slack_payload(message)["text"] == plain(message)


def test_a_note_survives_the_ledger() -> None:
    for note in SAMPLES.values():
        stored = json.loads(json.dumps(dict(as_arguments("ops", note))))
        assert from_arguments(stored) == note


def test_only_a_firing_alert_calls_people_and_the_most_severe_goes_first() -> None:
    def note(status: str, severity: str) -> Note:
        return alert_note(Alert(status, "f", {"alertname": "X", "severity": severity}, {}, 0.0))

    assert [note("firing", s).urgency for s in ("critical", "warning", "info")] == [0, 1, 2]
    assert note("resolved", "critical").urgency == 2
    assert note("resolved", "critical").severity == ""


def test_a_cut_text_keeps_its_limit_and_never_ends_in_half_an_escape() -> None:
    text = escape("<" * 100)
    for limit in range(1, 60):
        shorter = cut(text, limit)
        assert len(shorter) <= limit
        assert shorter.rstrip("…").count("&") == shorter.count(";")


def test_bytes_are_cut_between_characters() -> None:
    for limit in range(3, 40):
        assert len(cut_bytes("块🔥é" * 10, limit).encode()) <= limit
    assert cut_bytes("短", 10) == "短"


@pytest.mark.parametrize(("seconds", "said"), [(-3, "0 s"), (119, "119 s"), (120, "2 min"), (7200, "2.0 h")])
def test_lengths_of_time_are_said_as_people_say_them(seconds: float, said: str) -> None:
    assert lasted(seconds) == said


def by_bytes(limit: int, message: Message) -> bool:
    return len(plain(message).encode()) <= limit


def test_a_long_message_is_split_between_lines_and_numbered_and_loses_nothing() -> None:
    lines = [f"行 {number} of the log" for number in range(60)]
    message = Message(
        "Log",
        Tone.DANGER,
        (("Where", "here"), ("Lines", "\n".join(lines))),
        (("Runbook", "https://r"),),
        ("U1",),
    )

    parts = split(message, lambda one: by_bytes(400, one))

    assert [part.title for part in parts] == [f"({n}/{len(parts)}) Log" for n in range(1, len(parts) + 1)]
    assert all(by_bytes(400, part) for part in parts)
    shown = [
        line
        for part in parts
        for label, text in part.paragraphs
        if label == "Lines"
        for line in text.splitlines()
    ]
    assert shown == lines
    assert [part.mentions for part in parts] == [("U1",)] + [()] * (len(parts) - 1), "people are called once"
    assert parts[-1].links and not any(part.links for part in parts[:-1])


def test_a_line_longer_than_a_message_is_cut_between_characters() -> None:
    parts = split(Message("T", Tone.GOOD, (("", "块" * 300),)), lambda one: by_bytes(200, one))

    assert "".join(part.paragraphs[0][1] for part in parts) == "块" * 300


def test_a_message_that_nobody_would_read_to_the_end_has_an_end() -> None:
    parts = split(Message("T", Tone.GOOD, (("", "x" * 3000),)), lambda one: by_bytes(60, one))

    assert len(parts) == MAX_PARTS


def test_a_title_longer_than_the_channel_takes_is_shortened() -> None:
    (part, *_) = split(Message("x" * 500, Tone.GOOD), lambda one: by_bytes(100, one))

    assert len(part.title) <= 100


def test_many_messages_become_one_with_what_each_says_while_that_fits() -> None:
    messages = [Message(f"alert {n}", Tone.WARNING, (("What", f"it is {n}"),)) for n in range(3)]

    whole, count = combine(
        messages, lambda shown, total: f"{shown} of {total}", lambda one: by_bytes(500, one)
    )
    lines, some = combine(
        messages * 20, lambda shown, total: f"{shown} of {total}", lambda one: by_bytes(120, one)
    )

    assert (count, whole.title) == (3, "3 of 3")
    assert ("alert 2", "it is 2") in whole.paragraphs
    assert 5 < some < 60 and lines.title == f"{some} of 60"
    assert len(lines.paragraphs[0][1].splitlines()) == some


def test_the_most_urgent_tone_colours_a_digest() -> None:
    good, bad = Message("a", Tone.GOOD), Message("b", Tone.DANGER, mentions=("U1",))

    message, _ = combine([good, bad, replace(bad)], lambda *_: "d", lambda _: True)

    assert message.tone is Tone.DANGER
    assert message.mentions == ("U1",)


def test_what_nobody_can_see_is_taken_out() -> None:
    assert clean("a\u200bb\x00c\r\nd\te\u202e") == "abc\nd e"
