"""Slack by webhook and by app: what each answer means, threads, mentions."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from actuator.configs.sinks import SlackSink
from actuator.message import Message, Tone
from actuator.sinks.sending import Sending
from actuator.sinks.slack import Slack
from actuator.sinks.slackform import slack_payload
from actuator.sinks.verdict import Outcome, sendable
from lab.slack import Slack as LocalSlack
from lab.slackapi import CHANNEL, TOKEN, SlackApi
from nodekit.settings import SecretFile

MESSAGE = Message(
    "[FIRING] T", Tone.DANGER, (("What", "text"),), (("Runbook", "https://r|x"),), ("U012", "S034", "here")
)


@pytest.fixture
def api() -> Iterator[SlackApi]:
    with SlackApi() as server:
        yield server


@pytest.fixture
def app(api: SlackApi, tmp_path: Path) -> Slack:
    (tmp_path / "token").write_text(TOKEN)
    token = SecretFile(tmp_path / "token")
    return Slack("ops", SlackSink(type="slack", bot_token_file=token, channel=CHANNEL, api_url=api.url))


def webhook(folder: Path, slack: LocalSlack) -> Slack:
    (folder / "hook").write_text(slack.webhook_url)
    return Slack("ops", SlackSink(type="slack", webhook_url_file=SecretFile(folder / "hook"), timeout="1s"))


@pytest.mark.parametrize(
    ("status", "word", "outcome"),
    [
        (400, "invalid_payload", Outcome.SIMPLER),
        (400, "no_text", Outcome.SIMPLER),
        (400, "user_not_found", Outcome.SIMPLER),
        (403, "action_prohibited", Outcome.BROKEN),
        (403, "invalid_token", Outcome.BROKEN),
        (403, "posting_to_general_channel_denied", Outcome.BROKEN),
        (404, "channel_not_found", Outcome.BROKEN),
        (404, "no_service", Outcome.BROKEN),
        (410, "channel_is_archived", Outcome.BROKEN),
        (500, "rollup_error", Outcome.LATER),
        (200, "not ok", Outcome.LATER),
    ],
)
def test_each_answer_of_a_webhook_means_what_slack_says(
    slack: LocalSlack, tmp_path: Path, status: int, word: str, outcome: Outcome
) -> None:
    slack.fail_next(status, word)

    verdict = webhook(tmp_path, slack).send(MESSAGE, Sending())

    assert verdict.outcome is outcome
    assert word in verdict.detail


def test_a_rate_limit_is_obeyed_to_the_second(slack: LocalSlack, tmp_path: Path) -> None:
    slack.fail_next(429, '{"ok":false}', retry_after=30)

    verdict = webhook(tmp_path, slack).send(MESSAGE, Sending())

    assert (verdict.outcome, verdict.wait) == (Outcome.LATER, 30.0)


def test_people_groups_and_the_channel_are_called_by_configuration_and_links_cannot_break_out() -> None:
    payload = slack_payload(MESSAGE)

    called = payload["attachments"][0]["blocks"][0]["text"]["text"]
    assert called == "<@U012> <!subteam^S034> <!here>"
    assert "<https://r%7Cx|Runbook>" in str(payload)
    assert payload["text"].startswith(called)


def test_a_resolve_goes_below_its_alert_and_turns_it_green(app: Slack, api: SlackApi) -> None:
    first = app.send(MESSAGE, Sending())
    assert first.thread is not None
    over = Message("[RESOLVED] T", Tone.GOOD, (("What", "over"),))

    second = app.send(over, Sending(thread=first.thread, resolved=True))

    assert second.outcome is Outcome.DELIVERED
    root, reply = api.messages.values()
    assert reply["thread_ts"] == first.thread[1]
    assert root["attachments"][0]["color"] == "good"
    assert "RESOLVED" in root["text"]


@pytest.mark.parametrize(
    ("word", "outcome"),
    [("ratelimited", Outcome.LATER), ("invalid_blocks", Outcome.SIMPLER), ("is_archived", Outcome.BROKEN),
     ("token_revoked", Outcome.BROKEN), ("internal_error", Outcome.LATER)],
)  # fmt: skip
def test_an_app_is_not_fooled_by_http_200(app: Slack, api: SlackApi, word: str, outcome: Outcome) -> None:
    api.words = [word]

    verdict = app.send(MESSAGE, Sending())

    assert verdict.outcome is outcome
    assert word in verdict.detail and TOKEN not in verdict.detail


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
