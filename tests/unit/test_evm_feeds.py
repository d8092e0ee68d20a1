"""What an aggregator's answers mean, also the odd ones."""

import pytest

from exporter.evm.feeds import SUBMITTED, Rounds, awaits, round_calls, rounds, submissions_call, submitted
from nodekit.evm import Refused

CONTRACT, ORACLE = "0x" + "c" * 40, "0x" + "a1" * 20


def words(*values: int) -> str:
    """An answer of these 32-byte words."""
    return "0x" + "".join(f"{value:064x}" for value in values)


def log(number: int, **more: object) -> dict[str, object]:
    """A SubmissionReceived event of a round."""
    return {"topics": [SUBMITTED, "0x07", hex(number), "0x" + ORACLE[2:].rjust(64, "0")], **more}


def test_the_calls_name_the_oracle_and_the_blocks() -> None:
    latest, state = round_calls(CONTRACT, ORACLE)
    (wanted,) = submissions_call(CONTRACT, ORACLE, 16, 255).params

    assert latest.params[0] == {"to": CONTRACT, "data": "0xfeaf968c"}
    assert state.params[0]["data"] == "0x88aa80e7" + "0" * 24 + "a1" * 20 + "0" * 64
    assert (wanted["fromBlock"], wanted["toBlock"]) == ("0x10", "0xff")
    assert wanted["topics"][3] == "0x" + "0" * 24 + "a1" * 20


def test_a_proxys_round_id_is_that_of_its_aggregator() -> None:
    assert rounds(words((3 << 64) + 41, 7, 90, 100, (3 << 64) + 41)) == Rounds(41, 100)


@pytest.mark.parametrize(
    "answer",
    ["0x", "0x12", words(1, 2), words(0, 0, 0, 0, 0), "0x" + "z" * 320, None, Refused(3, "No data present")],
)
def test_what_is_no_round_is_unknown(answer: object) -> None:
    assert rounds(answer) is None
    assert awaits(answer) is None


def test_a_round_waits_for_us_when_it_has_begun_and_we_may_answer() -> None:
    assert awaits(words(1, 9, 0, 1000, 0, 0, 3, 0)) is True
    assert awaits(words(0, 9, 0, 1000, 0, 0, 3, 0)) is False, "we answered it"
    assert awaits(words(1, 10, 0, 0, 0, 0, 3, 0)) is False, "nobody has begun it: we may, but nobody waits"


def test_the_newest_event_that_stayed_on_the_chain_counts() -> None:
    assert submitted([log(7), log(9), log(11, removed=True), {"topics": []}, "odd"]) == 9
    assert submitted([]) == 0
    assert submitted(Refused(-32005, "query returned more than 10000 results")) is None
