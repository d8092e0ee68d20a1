"""The local Slack over HTTP: it takes, refuses, fails and hangs as told."""

import threading

import pytest
import requests

from lab.slack import Slack
from lab.slack_rules import BURST


def post(url: str, timeout: float = 5.0, **message: object) -> requests.Response:
    return requests.post(url, json=message, timeout=timeout)


def test_a_message_is_taken_with_ok_and_kept_with_its_time(slack: Slack) -> None:
    answer = post(slack.webhook_url, text="hello")
    assert (answer.status_code, answer.text) == (200, "ok")
    assert slack.wait_for(lambda message: message.text == "hello", 1.0).at > 0


def test_an_unknown_webhook_is_no_service(slack: Slack) -> None:
    answer = post(slack.url + "/services/T0/B0/wrong", text="hello")
    assert (answer.status_code, answer.text) == (404, "no_service")
    assert slack.messages == []


def test_an_empty_message_is_refused_and_not_kept(slack: Slack) -> None:
    answer = post(slack.webhook_url, text="")
    assert (answer.status_code, answer.text) == (400, "no_text")
    assert slack.messages == []


def test_more_than_a_burst_gets_429_with_the_seconds_to_wait(slack: Slack) -> None:
    answers = [post(slack.webhook_url, text=str(number)) for number in range(BURST + 1)]
    assert [answer.status_code for answer in answers] == [200] * BURST + [429]
    assert answers[-1].headers["Retry-After"] == "1"
    assert answers[-1].json() == {"retry_after": 1, "ok": False, "error": "rate_limited"}


def test_injected_failures_come_as_often_as_told(slack: Slack) -> None:
    slack.fail_next(500, "rollup_error", times=2)
    assert [post(slack.webhook_url, text="x").status_code for _ in range(3)] == [500, 500, 200]
    assert [attempt.status for attempt in slack.attempts] == [500, 500, 200]


def test_a_hanging_slack_takes_the_message_late_though_the_client_gave_up(slack: Slack) -> None:
    slack.hang()
    with pytest.raises(requests.ReadTimeout):
        post(slack.webhook_url, timeout=0.2, text="late")
    assert slack.messages == []
    slack.wake()
    assert slack.wait_for(lambda message: message.text == "late", 2.0)


def test_waiting_in_vain_tells_what_did_arrive(slack: Slack) -> None:
    post(slack.webhook_url, text="something else")
    with pytest.raises(TimeoutError, match="something else"):
        slack.wait_for(lambda message: message.text == "hello", 0.1)


def test_a_message_that_comes_during_the_wait_is_found(slack: Slack) -> None:
    sender = threading.Timer(0.1, post, [slack.webhook_url], {"text": "soon"})
    sender.start()
    assert slack.wait_for(lambda message: message.text == "soon", 5.0)
    sender.join()
