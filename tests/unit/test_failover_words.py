"""What operators read about a takeover at 4 a.m.: every message has its parts, and Slack takes each."""

import json
from dataclasses import replace

import pytest

from actuator.facts import Reach
from actuator.failover.decide import decide
from actuator.failover.machine import Phase
from actuator.failover.state import Automation, Kind, Notice, NoticeKind
from actuator.failover.words import words
from actuator.message import Message, Tone
from actuator.sinks.slackform import slack_payload
from lab.slack_rules import OK, judge
from tests.unit.failover_world import POLICY, at, chain, dead, facts, node, planned, steady


def parts(message: Message) -> dict[str, str]:
    return dict(message.paragraphs)


def started() -> tuple[Notice, Message]:
    now = at(41, 0.5)
    view = chain(now, empty=(38, 39, 40, 41))
    heads = {"head_slot": view.head_slot}
    found = facts(now, dead("A", now, at(37)), node("B", now, **heads), node("C", now, **heads), view=view)
    (notice,) = decide(steady(), found, POLICY).notices
    return notice, words(notice, POLICY, found)


def test_the_first_message_says_what_happened_what_is_done_what_it_costs_and_what_to_do() -> None:
    notice, message = started()

    assert notice.kind is NoticeKind.STARTED
    assert message.title == "ours: A failed, B takes over (bp #5)"
    assert message.tone is Tone.DANGER
    assert list(parts(message)) == ["What happened", "What chainwarden does", "Cost so far", "What you do"]
    assert "A is gone: it refused 11 connections" in parts(message)["What happened"]
    assert "C is told to stay paused" in parts(message)["What chainwarden does"]
    assert parts(message)["Cost so far"] == "4 blocks missed."
    assert "`chainwarden explain bp`" in parts(message)["What you do"]


@pytest.mark.parametrize(
    ("shows", "says"),
    [
        ({}, "Find out why A died. After a hard kill"),
        ({"reach": Reach.TIMEOUT, "refusals": None}, "Find out why A hangs; it pauses itself when it wakes"),
        ({"reach": Reach.ANSWERS, "refusals": None, "paused": True}, "Find out why A did not produce"),
    ],
    ids=["dead", "hung", "silent"],
)
def test_the_last_message_says_what_it_cost_and_how_to_go_on(shows: dict[str, object], says: str) -> None:
    now = at(43)
    state = planned(Phase.VERIFYING, now, since=at(37), resumed_at=at(41, 0.1))
    old = replace(dead("A", now, at(37)), **shows)  # type: ignore[arg-type]
    found = facts(now, old, node("B", now, paused=False), view=chain(now, empty=(38, 39, 40, 41)))
    (notice,) = decide(state, found, POLICY).notices

    message = words(notice, POLICY, found)

    assert message.title == "ours: B produces, takeover verified (bp #5)"
    assert parts(message)["Cost"].startswith("4 blocks missed (")
    assert "`AA....BB`" in parts(message)["What was done"]
    assert says in parts(message)["What you do"]
    assert "chainwarden switchover bp --to A" in parts(message)["What you do"]


def test_a_clean_switchover_is_good_news_and_asks_for_nothing() -> None:
    now = at(48)
    state = planned(Phase.VERIFYING, at(20), Kind.SWITCHOVER, since=at(2), resumed_at=at(3))
    found = facts(now, node("A", now), node("B", now, paused=False))
    (notice,) = decide(state, found, POLICY).notices

    message = words(notice, POLICY, found)

    assert message.tone is Tone.GOOD
    assert parts(message)["Cost"] == "0 blocks missed, 0 doubled. Produced in this time: 12 by B."
    assert parts(message)["What you do"].startswith("Nothing.")


def test_a_page_names_the_deadline_and_the_way_out_by_hand() -> None:
    now = at(10)
    hung = replace(dead("A", now, now - 5), reach=Reach.TIMEOUT, refusals=None, starts_paused=False)
    found = facts(now, hung)
    (notice,) = decide(steady(), found, POLICY).notices

    message = words(notice, POLICY, found)

    assert "needs a human" in message.title
    assert parts(message)["Deadline"].startswith("Our window opens ")
    assert "make certain that A cannot produce" in parts(message)["What you do"]
    assert "resume one: POST /v1/producer/resume on B" in parts(message)["What you do"]


@pytest.mark.parametrize("kind", NoticeKind)
def test_every_kind_of_notice_has_words_that_slack_takes(kind: NoticeKind) -> None:
    now = at(10)
    plan = planned(Phase.FENCING, now).plan
    notice = Notice(kind, f"notice/bp/5/{kind}", 5, plan, ("why one", "why two"), deadline=at(35))

    message = words(notice, replace(POLICY, automation=Automation.ON), facts(now))
    reply, _ = judge(json.dumps(slack_payload(message)).encode())

    assert reply is OK
    assert "bp" in message.title and message.paragraphs
    assert all(text.strip() for _, text in message.paragraphs)


def test_the_message_of_a_latch_says_who_produces_and_when_nobody_does_until_when() -> None:
    now = at(10)
    by_hand = facts(now, node("A", now))
    (notice,) = decide(steady(holder_active_at=now - 1), by_hand, POLICY).notices

    told = parts(words(notice, POLICY, by_hand))["Who produces"]
    moved = parts(words(notice, POLICY, facts(now, node("A", now), node("C", now, paused=False))))[
        "Who produces"
    ]

    assert told.startswith(
        "none of our nodes is seen active, our window opens 06:40:17 UTC; ready: A, B, C; "
    )
    assert moved == "C."
