"""A group's notice in other languages: each kind has words, and a planned move is not worded as a failure."""

import pytest

from actuator.failover.machine import Phase
from actuator.failover.state import Kind, Notice, NoticeKind
from actuator.message import Message, Tone, notice_note, plain
from actuator.notify.notices import notice_facts
from tests.unit.failover_world import POLICY, at, facts, planned
from tests.unit.notify_bench import TEXTS

MESSAGE = Message("english title", Tone.GOOD, (("What you do", "english advice"), ("What happened", "cause")))


def told(kind: NoticeKind, plan: Kind, language: str, **changes: str) -> Message:
    notice = Notice(kind, "k", 5, planned(Phase.FENCING, 100.0, plan, **changes).plan)
    return TEXTS.write(notice_note(MESSAGE, facts=notice_facts(notice, POLICY, facts(at(3)))), language, 0.0)


@pytest.mark.parametrize("language", ["zh", "ja"])
@pytest.mark.parametrize("plan", Kind)
@pytest.mark.parametrize("kind", NoticeKind)
def test_every_kind_of_notice_has_a_title_in_each_language(
    kind: NoticeKind, plan: Kind, language: str
) -> None:
    if (kind, plan) == (NoticeKind.STARTED, Kind.SWITCHOVER):
        return  # a planned switchover is not announced
    message = told(kind, plan, language)

    assert message.title != "english title" and "{" not in plain(message)
    assert "cause" in plain(message), "the cause stays in the words of the decision"


def test_only_a_takeover_asks_to_find_out_what_failed() -> None:
    asks = {plan: "请查明" in plain(told(NoticeKind.VERIFIED, plan, "zh")) for plan in Kind}

    assert asks == {Kind.TAKEOVER: True, Kind.RESTORE: True, Kind.SEPARATION: True, Kind.SWITCHOVER: False}
    assert "已回退" in told(NoticeKind.VERIFIED, Kind.SWITCHOVER, "zh", wanted="C").title
