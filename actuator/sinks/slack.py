"""Sink `slack`: an incoming webhook, or an app's bot token, which can also answer below a message.

At least once: a message twice is better than none. A webhook answers 200 `ok`; 429 with Retry-After when
it is told more than about one message a second; 400, 403, 404 and 410 with a word for what will never
succeed (https://api.slack.com/changelog/2016-05-17-changes-to-errors-for-incoming-webhooks).
The Web API answers 200 to nearly everything; `ok` in its JSON says what came of it.
"""

import json
from collections.abc import Mapping
from typing import Any

from actuator.configs.sinks import SlackSink
from actuator.message import Message
from actuator.notify.budget import Rate
from actuator.sinks.sending import Sending, http_verdict, pieces, post_json, reveal, told, without
from actuator.sinks.slackform import RATES, slack_fits, slack_payload, word_outcome
from actuator.sinks.verdict import Outcome, Verdict, sendable
from nodekit.http import HttpError, session

NAME = "slack"


class Slack:
    """Sends to one webhook or channel."""

    rates: tuple[Rate, ...] = RATES
    remembers = 0.0

    def __init__(self, name: str, config: SlackSink) -> None:
        self._shown = f"Slack ({name})"
        self._config = config
        self._http = session()

    def fits(self, message: Message, *, simple: bool = False) -> bool:
        """Whether Slack takes the message in one piece."""
        return slack_fits(message, simple=simple)

    def send(self, message: Message, sending: Sending) -> Verdict:
        """Send one message. Raises UnreadableSecretError."""
        payload = slack_payload(message, simple=sending.simple)
        if self._config.bot_token_file is not None:
            return self._by_app(payload, message, sending, reveal(self._config.bot_token_file))
        assert self._config.webhook_url_file is not None  # noqa: S101 - the model has exactly one of them
        return self._by_webhook(payload, reveal(self._config.webhook_url_file))

    def _by_webhook(self, payload: Mapping[str, Any], url: str) -> Verdict:
        if not sendable(url):
            return Verdict(Outcome.BROKEN, f"{self._shown}: the webhook URL is neither https nor local")
        secrets = pieces(url)
        try:
            body = post_json(self._http, url, payload, self._config.timeout, self._shown)
        except HttpError as error:
            word = error.body[:100].decode("utf-8", "replace").strip()
            if error.status in (400, 403, 404, 410):
                return Verdict(word_outcome(word), told(error, secrets))
            return http_verdict(error, secrets)
        text = without(body[:20_000].decode("utf-8", "replace").strip(), secrets)[:100]
        if text != "ok":
            return Verdict(Outcome.LATER, f"{self._shown} answered 200 but not ok: {text}")
        return Verdict(Outcome.DELIVERED, f"delivered to {self._shown}")

    def _by_app(
        self, payload: Mapping[str, Any], message: Message, sending: Sending, token: str
    ) -> Verdict:  # fmt: skip
        body: dict[str, Any] = {**payload, "channel": self._config.channel}
        if sending.thread is not None:
            body["thread_ts"] = sending.thread[1]
            body["reply_broadcast"] = False
        verdict, answer = self._call("chat.postMessage", body, token)
        if verdict.outcome is not Outcome.DELIVERED:
            return verdict
        if sending.thread is not None and sending.resolved:
            self._turn_green(message, sending.thread, token)
        return Verdict(
            Outcome.DELIVERED, verdict.detail,
            thread=(str(answer.get("channel", "")), str(answer.get("ts", ""))),
        )  # fmt: skip

    def _turn_green(self, message: Message, thread: tuple[str, str], token: str) -> None:
        """Let the alert's own message say that it is over; if that fails, the reply below it has said so."""
        self._call(
            "chat.update", {**slack_payload(message), "channel": thread[0], "ts": thread[1]}, token
        )  # fmt: skip

    def _call(
        self, method: str, body: Mapping[str, Any], token: str
    ) -> tuple[Verdict, Mapping[str, Any]]:  # fmt: skip
        url = f"{self._config.api_url}/{method}"
        if not sendable(url):
            return Verdict(Outcome.BROKEN, f"{self._shown}: api_url is neither https nor local"), {}
        headers = {"Authorization": f"Bearer {token}"}
        try:
            raw = post_json(self._http, url, body, self._config.timeout, self._shown, headers)
            answer = json.loads(raw)
        except HttpError as error:
            return http_verdict(error, (token,)), {}
        except ValueError:
            return Verdict(Outcome.MAYBE, f"{self._shown} answered 200 without JSON"), {}
        if not isinstance(answer, dict) or answer.get("ok") is not True:
            word = str(answer.get("error", "")) if isinstance(answer, dict) else ""
            detail = without(f"{self._shown}: {method} answered {word or 'no ok'}", (token,))
            return Verdict(word_outcome(word), detail), {}
        return Verdict(Outcome.DELIVERED, f"delivered to {self._shown}"), answer
