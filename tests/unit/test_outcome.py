"""Who was told of an alert is told once how its recovery ended; nobody else, and nothing of what never began."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Row, select

from actuator import outcome, steps
from actuator.alert import Alert
from actuator.episodes import record
from actuator.ledger import Ledger
from actuator.message import from_arguments, plain
from actuator.remote import orders
from actuator.schema import step as rows
from actuator.step import Lane, Receipt, State, Step
from tests.unit.notify_bench import TEXTS

ASKED = {"host": "oracle1", "service": "xdc-rpc", "command": "switch"}
LABELS = {"alertname": "LogErrors", "severity": "critical", "log": "plugin-rpc"}


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    opened = Ledger(f"sqlite:///{tmp_path}/l.db")
    yield opened
    opened.close()


def asked(ledger: Ledger, *, by_alert: bool) -> str:
    """A recovery that is under way, of an alert that two sinks were told of, or of an operator; its key."""

    def job(link: Any) -> str:
        alert = Alert("firing", "f" * 16, LABELS, {}, 1000.0, "")
        episode = record(link, alert, 1000.0).episode if by_alert else None
        for sink in ("ops", "night") if by_alert else ():
            key = f"episode/{episode}/rule-2/slack.firing/{sink}"
            steps.add(link, Step(key, "slack", f"sink:{sink}", "r", Lane.NOTIFY, episode=episode), 1000.0)
        steps.add(link, Step("k", "recover", "t", "r", Lane.REMOTE, ASKED, episode=episode), 1000.0)
        return "k"

    return ledger.write(job)


def ended(ledger: Ledger, receipt: Receipt) -> None:
    def job(link: Any) -> None:
        steps.finish(link, "k", receipt, 1001.0)
        outcome.tell(link, "k", receipt, 1001.0)

    ledger.write(job)


def told(ledger: Ledger) -> list[Row[Any]]:
    query = select(rows).where(rows.c.key.like("k/%")).order_by(rows.c.target)
    return ledger.read(lambda link: list(link.execute(query)))


def test_each_sink_that_was_told_of_the_alert_is_told_what_was_done_and_only_once(ledger: Ledger) -> None:
    asked(ledger, by_alert=True)
    for _ in range(2):
        ended(ledger, Receipt(State.OK, "code 0: switched erpc → paid: the node works"))

    found = told(ledger)
    assert [(row.target, row.state, row.action) for row in found] == [
        ("sink:night", "planned", "slack"),
        ("sink:ops", "planned", "slack"),
    ]
    values = found[0].arguments["values"]
    assert values["said"] == "code 0: switched erpc → paid: the node works"
    assert values["alert"] == "LogErrors (log=plugin-rpc)"
    assert (values["state"], values["tone"], found[0].arguments["severity"]) == ("ok", "good", "")


def test_a_result_that_comes_late_is_told_besides(ledger: Ledger) -> None:
    key = asked(ledger, by_alert=True)
    task = ledger.write(lambda link: orders.open_order(link, key, "oracle1", ASKED, 1000.0))
    ended(ledger, Receipt(State.UNKNOWN, "no result within 60 s"))
    for _ in range(2):
        ledger.write(lambda link: orders.answer(link, task, 1, "kept erpc: no candidate is healthy", 1200.0))

    said = {row.key: row.arguments["values"]["said"] for row in told(ledger) if row.target == "sink:ops"}
    assert said == {
        "k/unknown/ops": "no result within 60 s",
        "k/failed/ops": "answered late: code 1: kept erpc: no candidate is healthy",
    }


def test_a_command_that_says_not_now_is_no_failure(ledger: Ledger) -> None:
    said = "nothing was switched: the last switch ended 40 s ago"
    key = asked(ledger, by_alert=True)
    task = ledger.write(lambda link: orders.open_order(link, key, "oracle1", ASKED, 1000.0))
    ledger.write(lambda link: orders.answer(link, task, 75, said, 1002.0))
    ended(ledger, Receipt(orders.state_of(75), orders.told(75, said)))

    row = ledger.read(lambda link: link.execute(select(rows).where(rows.c.key == "k")).one())
    assert (row.state, row.detail) == ("skipped", f"code 75: {said}")
    assert told(ledger) == []


@pytest.mark.parametrize(
    ("by_alert", "receipt"),
    [(True, Receipt(State.SKIPPED, "within the cooldown")), (False, Receipt(State.FAILED, "code 7"))],
)
def test_what_never_began_and_what_an_operator_asked_for_is_told_to_nobody(
    ledger: Ledger, by_alert: bool, receipt: Receipt
) -> None:
    asked(ledger, by_alert=by_alert)
    ended(ledger, receipt)

    assert told(ledger) == []


def test_why_a_command_was_not_begun_is_told_to_whom_the_alert_was_told_without_it(ledger: Ledger) -> None:
    asked(ledger, by_alert=True)
    gone = rows.update().where(rows.c.target == "sink:ops").values(state=State.OK)
    ledger.write(lambda link: link.execute(gone))
    ended(ledger, Receipt(State.SKIPPED, "within the cooldown of 600 s"))

    (row,) = told(ledger)
    assert (row.target, row.arguments["values"]["said"]) == ("sink:ops", "within the cooldown of 600 s")
    title = TEXTS.write(from_arguments(row.arguments), "en", 0.0).title
    assert title == "switch of xdc-rpc on oracle1: not done"


@pytest.mark.parametrize(
    ("receipt", "titles"),
    [
        (Receipt(State.OK, "attached to takeover #3"), []),
        (Receipt(State.SKIPPED, "nothing to do: A produces"), ["failover of bp: not done"]),
        (Receipt(State.UNKNOWN, "interrupted"), ["failover of bp: nobody knows how it ended"]),
    ],
)
def test_why_there_was_no_failover_is_told_and_a_takeover_tells_of_itself(
    ledger: Ledger, receipt: Receipt, titles: list[str]
) -> None:
    def job(link: Any) -> None:
        episode = record(link, Alert("firing", "f" * 16, LABELS, {}, 1000.0, ""), 1000.0).episode
        steps.add(link, Step("n", "slack", "sink:ops", "r", Lane.NOTIFY, episode=episode), 1000.0)
        link.execute(rows.update().values(state=State.OK))
        steps.add(link, Step("k", "failover", "group:bp", "r", Lane.ASK, group="bp", episode=episode), 1000.0)

    ledger.write(job)
    ended(ledger, receipt)

    notes = [from_arguments(row.arguments) for row in told(ledger)]
    assert [TEXTS.write(note, "en", 0.0).title for note in notes] == titles
    assert all(receipt.detail in plain(TEXTS.write(note, "zh", 0.0)) for note in notes)
