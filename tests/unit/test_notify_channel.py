"""A channel over time: order, budgets, digests, groups, retries, marks, parts, fallbacks. Time is the test's."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from actuator.ledger import Ledger
from actuator.message import Message, Tone, notice_note
from actuator.notify import outbox
from actuator.notify.budget import Rate, free_at, last_of
from actuator.notify.settle import BROKEN_REST, MAX_AGE
from actuator.sinks.sending import UnreadableSecretError
from actuator.sinks.verdict import Outcome, Verdict
from tests.unit.notify_bench import Bench, Spoken, note, opened


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    yield from opened(tmp_path)


def test_the_critical_goes_first_and_a_resolve_last(ledger: Ledger) -> None:
    ops = Spoken()
    bench = Bench(ledger, {"ops": ops})
    for name, severity, status in (("a", "info", "firing"), ("b", "critical", "resolved"), ("c", "warning", "firing"), ("d", "critical", "firing")):  # fmt: skip
        bench.plan(note(name, severity, status))

    bench.run(6)

    assert [message.title.split()[2] for message in ops.messages] == ["d", "c", "a", "b"]


def test_no_window_ever_holds_more_messages_than_the_channel_allows(ledger: Ledger) -> None:
    times: list[float] = []
    ops = Spoken(rates=(Rate(3, 10.0), Rate(5, 60.0)), limit=300)
    bench = Bench(ledger, {"ops": ops})
    for number in range(60):
        bench.plan(note(f"n{number}"))
    before = 0
    for _ in range(400):
        bench.run(0.5)
        times += [bench.now] * (len(ops.messages) - before)
        before = len(ops.messages)

    for at in times:
        assert sum(at <= other < at + 9.5 for other in times) <= 3
        assert sum(at <= other < at + 59 for other in times) <= 5
    assert all(f"n{number} " in ops.text for number in range(60))


def test_a_burst_that_the_budget_cannot_carry_becomes_digests_that_name_every_alert(ledger: Ledger) -> None:
    ops = Spoken(rates=(Rate(20, 60.0),), limit=4096)
    bench = Bench(ledger, {"ops": ops})
    for number in range(500):
        bench.plan(note(f"node-{number:03d}", "critical" if number % 10 == 0 else "warning"))

    bench.run(30)

    assert len(ops.messages) <= 20, "no message had to wait for the next minute"
    assert all(f"node-{number:03d} " in ops.text for number in range(500))
    order = [line for message in ops.messages for line in message.paragraphs[0][1].splitlines()]
    severities = ["critical" in line for line in order if "FIRING" in line]
    assert severities == sorted(severities, reverse=True), "critical ones first"
    assert ops.messages[0].title.startswith("Digest: ") and ops.messages[0].title.endswith(" follow")
    assert set(bench.states().values()) == {"ok"}


def test_a_few_at_once_are_told_one_by_one(ledger: Ledger) -> None:
    ops = Spoken()
    bench = Bench(ledger, {"ops": ops})
    for number in range(5):
        bench.plan(note(f"n{number}"))

    bench.run(8)

    assert [message.title for message in ops.messages] == [f"[FIRING] T n{n} (warning)" for n in range(5)]


def test_alerts_of_one_name_share_a_message_within_the_grouping_window(ledger: Ledger) -> None:
    ops = Spoken()
    bench = Bench(ledger, {"ops": ops}, ops={"group_wait": "10s"})
    bench.plan(note("a"), wait=10)
    bench.run(3)
    bench.plan(note("b"), wait=10)
    bench.run(3)
    assert ops.messages == []

    bench.run(6)

    assert [message.title for message in ops.messages] == ["2 \u00d7 T"]
    assert "a (warning)" in ops.text and "b (warning)" in ops.text and "broken" in ops.text


def test_what_is_critical_never_waits_for_company_but_takes_it_along(ledger: Ledger) -> None:
    ops = Spoken()
    bench = Bench(ledger, {"ops": ops}, ops={"group_wait": "10s"})
    bench.plan(note("a"), wait=10)
    bench.plan(note("b", "critical"), wait=10)

    bench.run(1)

    assert [message.title for message in ops.messages] == ["2 \u00d7 T"]


def test_a_busy_channel_is_left_alone_as_long_as_it_asks_and_nothing_overtakes(ledger: Ledger) -> None:
    ops = Spoken(verdicts=[Verdict(Outcome.LATER, "errcode 45009", 60.0)])
    bench = Bench(ledger, {"ops": ops})
    bench.plan(note("a", "critical"))
    bench.run(1)
    bench.plan(note("b", "critical"))

    bench.run(57)
    assert len(ops.messages) == 1
    bench.run(5)

    assert [message.title.split()[2] for message in ops.messages] == ["a", "a", "b"]
    assert "again" not in ops.text, "it was refused, it cannot have arrived"
    assert bench.outcomes() == ["later", "delivered", "delivered"]


def test_failures_make_the_tries_rarer(ledger: Ledger) -> None:
    ops = Spoken(verdicts=[Verdict(Outcome.LATER, "500")] * 50)
    bench = Bench(ledger, {"ops": ops})
    bench.plan(note("a"))

    bench.run(600)

    assert len(ops.messages) == 7  # after 0, 1, 3, 8, 23, 83 and 383 s


def test_what_may_have_arrived_is_sent_again_with_a_mark(ledger: Ledger) -> None:
    ops = Spoken(verdicts=[Verdict(Outcome.MAYBE, "no answer within 5 s")])
    bench = Bench(ledger, {"ops": ops})
    bench.plan(note("a"))

    bench.run(5)

    assert [message.title for message in ops.messages] == [
        "[FIRING] T a (warning)",
        "(again, may be a duplicate) [FIRING] T a (warning)",
    ]


def test_a_channel_that_drops_duplicates_itself_gets_the_very_same_text_again(ledger: Ledger) -> None:
    ops = Spoken(verdicts=[Verdict(Outcome.MAYBE, "no answer", 300.0)], remembers=1800.0)
    bench = Bench(ledger, {"ops": ops})
    bench.plan(note("a"))

    bench.run(310)

    assert len(ops.messages) == 2 and ops.messages[0] == ops.messages[1]


def test_a_message_that_waited_long_says_so(ledger: Ledger) -> None:
    ops = Spoken(verdicts=[Verdict(Outcome.LATER, "down", 600.0)])
    bench = Bench(ledger, {"ops": ops})
    bench.plan(note("a"))

    bench.run(610)

    assert ops.messages[-1].title == "(10 min late) [FIRING] T a (warning)"


def test_a_message_that_never_got_through_is_given_up_after_a_day(ledger: Ledger) -> None:
    ops = Spoken(verdicts=[Verdict(Outcome.LATER, "down", 3600.0)] * 100)
    bench = Bench(ledger, {"ops": ops})
    bench.plan(note("a"))
    bench.run(1)

    bench.now += MAX_AGE
    bench.run(1)

    assert bench.states() == {"k1": "failed"}
    assert bench.ended[-1][0] == "failed"


def test_a_long_message_is_sent_in_parts_and_goes_on_where_it_was_interrupted(ledger: Ledger) -> None:
    lines = "\n".join(f"line {number:03d}" for number in range(150))
    ops = Spoken(limit=700, verdicts=[Verdict(Outcome.DELIVERED, "delivered"), Verdict(Outcome.LATER, "503")])
    bench = Bench(ledger, {"ops": ops})
    bench.plan(note("a", lines=lines))

    bench.run(20)

    numbers = [message.title.split()[0] for message in ops.messages]
    count = int(numbers[0][3:-1])
    assert numbers == [
        f"(1/{count})",
        *[f"(2/{count})"] * 2,
        *[f"({n}/{count})" for n in range(3, count + 1)],
    ]
    assert all(f"line {number:03d}" in ops.text for number in range(150))
    assert bench.states() == {"k1": "ok"}


def test_a_form_that_is_refused_goes_out_once_more_as_bare_text_then_never(ledger: Ledger) -> None:
    ops = Spoken(verdicts=[Verdict(Outcome.SIMPLER, "errcode 40058")] * 2)
    bench = Bench(ledger, {"ops": ops})
    bench.plan(note("a"))

    bench.run(5)

    assert [sending.simple for sending in ops.sendings] == [False, True]
    assert bench.states() == {"k1": "failed"}
    assert bench.details() == ["will never be delivered: errcode 40058"]


def test_what_is_refused_but_perhaps_not_for_good_is_tried_three_times_and_delays_no_other(
    ledger: Ledger,
) -> None:
    ops = Spoken(verdicts=[Verdict(Outcome.REFUSED, "returnstatus busy", 20.0)])
    bench = Bench(ledger, {"ops": ops})
    bench.plan(note("a", "critical"))
    bench.run(1)
    bench.plan(note("b", "critical"))
    bench.run(3)
    assert [message.title for message in ops.messages] == [
        "[FIRING] T a (critical)",
        "[FIRING] T b (critical)",
    ]
    ops.verdicts = [Verdict(Outcome.REFUSED, "returnstatus busy", 20.0)] * 9

    bench.run(100)

    assert bench.states() == {"k1": "failed", "k2": "ok"}
    assert [message.title for message in ops.messages].count("[FIRING] T a (critical)") == 3


def test_a_broken_sink_hands_over_to_its_fallback_and_comes_back(ledger: Ledger) -> None:
    ops, sms = Spoken(verdicts=[Verdict(Outcome.BROKEN, "errcode 93000")]), Spoken()
    bench = Bench(ledger, {"ops": ops, "sms": sms}, ops={"fallback": "sms"})
    bench.plan(note("a", "critical"))
    bench.run(3)
    bench.plan(note("b"))
    bench.run(3)

    assert [message.title for message in sms.messages] == [
        "(instead of ops) [FIRING] T a (critical)",
        "(instead of ops) [FIRING] T b (warning)",
    ]
    assert len(ops.messages) == 1, "it is not hammered"
    assert ledger.read(outbox.states)["ops"].broken == "errcode 93000"
    bench.now += BROKEN_REST
    bench.plan(note("c"))
    bench.run(3)
    assert ops.messages[-1].title == "[FIRING] T c (warning)"
    assert ledger.read(outbox.states)["ops"].broken == ""


def test_two_broken_sinks_that_stand_in_for_each_other_pass_nothing_round_in_circles(ledger: Ledger) -> None:
    one, two = (Spoken(verdicts=[Verdict(Outcome.BROKEN, "gone")] * 9) for _ in range(2))
    bench = Bench(ledger, {"one": one, "two": two}, one={"fallback": "two"}, two={"fallback": "one"})
    bench.plan(note("a"), "one")

    bench.run(100)

    assert (len(one.messages), len(two.messages)) == (1, 1)
    assert bench.states() == {"k1": "skipped", "k1>two": "planned"}


def test_a_broken_sink_without_a_fallback_keeps_its_messages(ledger: Ledger) -> None:
    ops = Spoken(verdicts=[Verdict(Outcome.BROKEN, "no_service")])
    bench = Bench(ledger, {"ops": ops})
    for name in "abc":
        bench.plan(note(name))
    bench.run(60)
    assert len(ops.messages) == 1

    ledger.write(lambda connection: outbox.reopen(connection, "ops"))
    bench.run(5)

    assert set(bench.states().values()) == {"ok"}


def test_an_unreadable_secret_file_is_read_again_a_minute_later(ledger: Ledger) -> None:
    ops = Spoken(verdicts=[UnreadableSecretError("the file key cannot be read")])
    bench = Bench(ledger, {"ops": ops})
    bench.plan(note("a"))

    bench.run(30)
    assert len(ops.messages) == 1
    bench.run(40)

    assert bench.states() == {"k1": "ok"}


def test_a_sink_with_a_bug_leaves_no_step_behind(ledger: Ledger) -> None:
    ops = Spoken(verdicts=[RuntimeError("bug with secret")])
    bench = Bench(ledger, {"ops": ops})
    bench.plan(note("a"))

    bench.run(5)

    assert bench.states() == {"k1": "ok"}
    assert "again" in ops.messages[-1].title


def test_what_a_crash_interrupted_is_sent_again_with_a_mark_and_so_is_all_that_it_carried(
    ledger: Ledger,
) -> None:
    class Crash(BaseException):
        """The process ends here."""

    ops = Spoken(rates=(Rate(2, 60.0),), verdicts=[Crash()])  # type: ignore[list-item]
    ops.send = lambda *_: (_ for _ in ()).throw(Crash())  # type: ignore[method-assign]
    bench = Bench(ledger, {"ops": ops})
    for number in range(30):
        bench.plan(note(f"n{number:02d}"))
    with pytest.raises(Crash):
        bench.run(1)
    assert list(bench.states().values()).count("executing") == 1

    after = Spoken(rates=(Rate(2, 60.0),))
    again = Bench(ledger, {"ops": after})
    again.now = bench.now + 1
    again.notifier.recover()
    again.run(70)

    assert after.messages[0].title.startswith("(again, may be a duplicate) Digest: 30 messages")
    assert all(f"n{number:02d} " in after.text for number in range(30))
    assert set(again.states().values()) == {"ok"}


def test_two_actuators_share_one_budget_and_send_nothing_twice(ledger: Ledger) -> None:
    ops = Spoken(rates=(Rate(2, 10.0),), limit=250)
    bench = Bench(ledger, {"ops": ops})
    other = bench.another()
    for number in range(20):
        bench.plan(note(f"n{number:02d}"))
    sent = 0
    for _ in range(600):
        for channel in (bench.notifier.channels["ops"], other.channels["ops"]):
            channel.turn()
        sent = len(ops.messages)
        bench.now += 0.1
        assert sent <= 2 * (1 + (bench.now - 1_000_000.0) / 10)

    lines = [line for line in ops.text.splitlines() if "FIRING" in line]
    assert all(sum(f"n{number:02d} " in line for line in lines) >= 1 for number in range(20))
    assert "again" not in ops.text


def test_people_are_called_by_severity_and_rota_and_never_for_a_resolve(ledger: Ledger) -> None:
    rota = {"members": ["UA", "UB"], "start": "1970-01-01T00:00", "turn": "1d"}
    ops = Spoken()
    bench = Bench(
        ledger, {"ops": ops}, ops={"mention": {"critical": ["oncall", "UL"], "*": ["UW"]}, "rota": rota}
    )
    bench.plan(note("a", "critical"))
    bench.plan(note("b", "warning"))
    bench.plan(note("c", "critical", "resolved"))
    bench.plan(notice_note(Message("d", Tone.DANGER)))

    bench.run(10)

    called = {
        message.title.split()[-2 if "(" in message.title else 0]: message.mentions for message in ops.messages
    }
    day = 1_000_000 // 86400
    who = ("UA", "UB")[day % 2]
    assert called == {"a": (who, "UL"), "d": (who, "UL"), "b": ("UW",), "c": ()}


def test_an_alert_that_cannot_be_worded_is_told_all_the_same(ledger: Ledger) -> None:
    ops = Spoken()
    bench = Bench(ledger, {"ops": ops})
    bench.plan(note("a").__class__("alert", 0, "", "critical", {"labels": {}}))

    bench.run(3)

    assert len(ops.messages) == 1
    assert "alert" in ops.messages[0].title


def test_a_sliding_window_is_exact() -> None:
    rates = (Rate(2, 10.0),)

    assert free_at([], rates, 100.0) == 100.0
    assert free_at([95.0], rates, 100.0) == 100.0
    assert free_at([95.0, 96.0], rates, 100.0) == 105.5
    assert last_of(5, [95.0, 96.0], rates, 100.0) == pytest.approx(126.5)
