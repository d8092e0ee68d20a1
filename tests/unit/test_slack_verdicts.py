"""What a failed delivery to Slack means: again, when, or never."""

import pytest

from actuator.actions.slack import MAX_ATTEMPTS, judge, sendable
from actuator.step import Claimed, Lane, State, Step
from nodekit.http import HttpError, Reason


def claimed(attempts: int = 0) -> Claimed:
    return Claimed(Step("k", "slack", "sink:ops", "r", Lane.NOTIFY), attempts)


@pytest.mark.parametrize(
    ("error", "state", "wait"),
    [
        (HttpError(Reason.HTTP_STATUS, "429", 429, retry_after=30), State.PLANNED, 30),
        (HttpError(Reason.HTTP_STATUS, "429", 429), State.PLANNED, 1),
        (HttpError(Reason.HTTP_STATUS, "500", 500), State.PLANNED, 1),
        (HttpError(Reason.TIMEOUT, "slow"), State.PLANNED, 1),
        (HttpError(Reason.REFUSED, "down"), State.PLANNED, 1),
        (HttpError(Reason.HTTP_STATUS, "invalid_payload", 400), State.FAILED, None),
        (HttpError(Reason.AUTH, "invalid_token", 403), State.FAILED, None),
        (HttpError(Reason.HTTP_STATUS, "no_service", 404), State.FAILED, None),
        (HttpError(Reason.HTTP_STATUS, "channel_is_archived", 410), State.FAILED, None),
        (HttpError(Reason.REDIRECT, "302", 302), State.FAILED, None),
    ],
    ids=str,
)
def test_temporary_failures_are_tried_again_and_permanent_ones_are_not(
    error: HttpError, state: State, wait: float | None
) -> None:
    receipt = judge(claimed(), error)

    assert (receipt.state, receipt.retry_in) == (state, wait)
    assert str(error) in receipt.detail


def test_tries_become_rarer_and_end_after_a_day() -> None:
    down = HttpError(Reason.REFUSED, "down")

    waits = [judge(claimed(attempt), down).retry_in for attempt in (0, 1, 2, 3, 4, 5, 50)]

    assert waits == [1, 2, 5, 15, 60, 300, 300]
    assert judge(claimed(MAX_ATTEMPTS), down).state is State.FAILED


@pytest.mark.parametrize(
    ("url", "allowed"),
    [
        ("https://hooks.slack.com/services/T/B/x", True),
        ("http://127.0.0.1:8080/x", True),
        ("http://hooks.slack.com/services/T/B/x", False),
        ("ftp://127.0.0.1/x", False),
        ("nonsense", False),
    ],
)
def test_a_webhook_is_https_or_on_this_machine(url: str, allowed: bool) -> None:
    assert sendable(url) is allowed
