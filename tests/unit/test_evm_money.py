"""Whose answer about money counts, how fast it is spent and how long it lasts."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.evm.burn import History, rate, runway, step
from exporter.evm.heads import lags
from exporter.evm.money import Amount, Kind, Question, Reading, agree
from nodekit.evm import Head

COIN = Question(Kind.COIN, "node", "0x1", "XDC")
DAY = 86400.0


def reading(endpoint: str, block: int, units: int | None, decimals: int = 18) -> Reading:
    amounts = {} if units is None else {COIN: Amount(units, decimals)}
    return Reading(endpoint, Head(block, block * 2), amounts)


def walked(points: list[tuple[int, float, int]], window: float = DAY) -> History:
    history = None
    for block, time, units in points:
        history = step(history, block, time, units, window)
    assert history is not None
    return history


def test_the_endpoint_with_the_newest_head_is_believed_and_the_distance_told() -> None:
    agreed = agree([reading("a", 10, 5), reading("b", 12, 3), reading("c", 11, 9)])[COIN]

    assert agreed.amount.units == 3
    assert agreed.spread == Amount(6, 18)
    assert not agreed.certain


def test_of_equal_heads_the_first_listed_counts() -> None:
    assert agree([reading("a", 10, 5), reading("b", 10, 3)])[COIN].amount.units == 5


def test_an_amount_that_the_newest_endpoint_does_not_tell_comes_from_the_next() -> None:
    agreed = agree([reading("a", 10, 5), reading("b", 12, None)])[COIN]

    assert (agreed.amount.units, agreed.spread, agreed.certain) == (5, None, True)


def test_what_nobody_tells_is_absent_not_zero() -> None:
    assert agree([reading("a", 10, None)]) == {}


def test_endpoints_that_read_other_decimals_of_one_contract_contradict() -> None:
    assert not agree([reading("a", 10, 100, 18), reading("b", 10, 100, 6)])[COIN].certain


def test_an_amount_of_any_size_is_rounded_once() -> None:
    assert Amount(2**256 - 1, 18).value == pytest.approx(1.157920892373162e59)
    assert Amount(1, 18).value == 1e-18


def test_spending_at_an_even_rate_gives_that_rate_and_the_time_left() -> None:
    history = walked([(n, n * 600.0, 10_000 - n) for n in range(145)])

    found = rate(history, DAY)

    assert found == pytest.approx(1 / 600, rel=0.02)
    assert runway(history.units, found) == pytest.approx(history.units * 600, rel=0.02)


def test_a_topup_is_seen_and_does_not_lower_the_rate() -> None:
    points = [(n, n * 600.0, 1000 - n + (500 if n >= 70 else 0)) for n in range(145)]

    history = walked(points)

    assert (history.topups, history.received, history.last_topup) == (1, 499, 70 * 600.0)
    assert rate(history, DAY) == pytest.approx(143 / DAY, rel=0.02)


def test_too_little_time_tells_no_rate_and_no_spending_no_runway() -> None:
    assert rate(walked([(1, 0.0, 100), (2, 1800.0, 50)]), DAY) is None
    assert runway(100, rate(walked([(1, 0.0, 100), (2, DAY, 100)]), DAY)) is None
    assert runway(100, None) is None


def test_spending_before_the_window_is_forgotten() -> None:
    history = walked([(1, 0.0, 1000), (2, 3600.0, 100), (3, 2 * DAY, 100)])

    assert rate(history, DAY) == 0


def test_a_loss_over_a_gap_longer_than_the_window_counts_by_its_share() -> None:
    history = walked([(1, 0.0, 1000), (2, 10 * DAY, 0)])

    assert rate(history, DAY) == pytest.approx(100 / DAY)


def test_an_older_block_of_a_lagging_endpoint_changes_nothing() -> None:
    before = walked([(5, 100.0, 1000), (6, 200.0, 900)])

    assert step(before, 5, 100.0, 1000, DAY) == before


def test_blocks_of_one_second_both_count() -> None:
    assert walked([(1, 5.0, 10), (2, 5.0, 30)]).received == 20


def test_a_chain_that_was_set_up_anew_is_measured_anew() -> None:
    assert step(walked([(50, 100.0, 1000)]), 3, 200.0, 10, DAY) == History(200.0, 200.0, 3, 10)


@given(st.lists(st.tuples(st.integers(1, 5000), st.integers(0, 10**21)), min_size=1, max_size=60))
def test_what_came_less_what_went_is_the_change_of_the_balance(moves: list[tuple[int, int]]) -> None:
    time, points = 0.0, []
    for block, (wait, units) in enumerate(moves):
        time += wait
        points.append((block, time, units))

    history = walked(points)

    assert history.received - history.spent == points[-1][2] - points[0][2]
    found = rate(history, DAY)
    assert found is None or found >= 0
    assert len(history.pieces) <= 98, "the memory is bounded whatever happens"


def test_lag_is_against_the_freshest_head() -> None:
    assert lags({"a": 3.0, "b": 1.0, "c": 100.0}) == {"a": 2.0, "b": 0.0, "c": 99.0}
    assert lags({}) == {}
