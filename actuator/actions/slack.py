"""Action `slack`: one message to a Slack incoming webhook.

At least once: a message twice is better than none. Slack answers 200 `ok`; 429 with Retry-After when
it is told more than about one message a second; 400, 403, 404 and 410 with a word for what will
never succeed (https://api.slack.com/changelog/2016-05-17-changes-to-errors-for-incoming-webhooks).
"""

import json
import threading
import time
from collections.abc import Callable, Mapping
from urllib.parse import urlsplit

from actuator.configs.sinks import SlackSink
from actuator.step import Claimed, Receipt, State, Step
from nodekit.http import HttpError, Reason, request, session

NAME = "slack"
DELIVERY = "at_least_once"
PACE = 1.05
"""Seconds between messages to one webhook: Slack allows about one a second."""
BACKOFF = (1.0, 2.0, 5.0, 15.0, 60.0, 300.0)
"""Seconds before a message is tried again."""
MAX_ATTEMPTS = 300
"""About a day of tries; then the message is given up, in the ledger and in the log."""
TEMPORARY = {Reason.REFUSED, Reason.TIMEOUT, Reason.CONNECT, Reason.CLOSED}


class Slack:
    """Sends notification steps; the sink is looked up by the step's `sink`."""

    def __init__(self, sinks: Mapping[str, SlackSink], clock: Callable[[], float] = time.monotonic) -> None:
        self._sinks = sinks
        self._clock = clock
        self._http = session()
        self._free_at = dict.fromkeys(sinks, 0.0)
        self._lock = threading.Lock()

    def verify(self, step: Step) -> str | None:
        """Why the message cannot be sent."""
        name = step.arguments.get("sink")
        return None if name in self._sinks else f"no sink {name} is configured"

    def perform(self, claimed: Claimed) -> Receipt:
        """Send the message, no sooner than the webhook's pace allows."""
        name = str(claimed.step.arguments["sink"])
        self._await_turn(name)
        sink = self._sinks[name]
        try:
            url = sink.webhook_url_file.reveal()
        except OSError as error:
            return _again(claimed, f"the webhook URL of {name} cannot be read: {error.strerror}")
        if not sendable(url):
            return Receipt(State.FAILED, f"the webhook URL of {name} is neither https nor on this machine")
        return self._post(claimed, name, url, sink.timeout)

    def _post(self, claimed: Claimed, name: str, url: str, timeout: float) -> Receipt:
        body = json.dumps(claimed.step.arguments["payload"]).encode()
        try:
            answer = request(
                self._http, "POST", url, timeout=timeout, body=body,
                headers={"Content-Type": "application/json"}, shown=f"Slack ({name})",
            )  # fmt: skip
        except HttpError as error:
            return judge(claimed, error)
        text = answer.body[:100].decode("utf-8", "replace").strip()
        if text != "ok":
            return _again(claimed, f"Slack ({name}) answered 200 but not ok: {text}")
        return Receipt(State.OK, f"delivered to Slack ({name})")

    def _await_turn(self, name: str) -> None:
        with self._lock:
            now = self._clock()
            turn = max(now, self._free_at[name])
            self._free_at[name] = turn + PACE
        time.sleep(max(0.0, turn - now))

    def recover(self, _claimed: Claimed) -> Receipt:
        """A crash in the middle: send it again, the message may have arrived or not."""
        return Receipt(State.PLANNED, "interrupted by a restart; sent again", retry_in=0.0)


def judge(claimed: Claimed, error: HttpError) -> Receipt:
    """What a failed delivery means: later, or never."""
    if error.status == 429:
        return _again(claimed, str(error), error.retry_after)
    if error.reason in TEMPORARY or (error.status is not None and error.status >= 500):
        return _again(claimed, str(error))
    return Receipt(State.FAILED, f"will never be delivered: {error}")


def _again(claimed: Claimed, why: str, wait: float | None = None) -> Receipt:
    if claimed.attempts + 1 >= MAX_ATTEMPTS:
        return Receipt(State.FAILED, f"given up after {claimed.attempts + 1} attempts: {why}")
    pause = BACKOFF[min(claimed.attempts, len(BACKOFF) - 1)]
    return Receipt(State.PLANNED, why, retry_in=max(pause, wait or 0.0))


def sendable(url: str) -> bool:
    """Whether a webhook URL may be used: https anywhere, http on this machine only."""
    parts = urlsplit(url)
    local = parts.hostname in ("127.0.0.1", "localhost", "::1")
    return parts.scheme == "https" or (parts.scheme == "http" and local)
