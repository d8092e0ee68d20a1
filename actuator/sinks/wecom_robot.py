"""Sink `wecom_robot`: a WeCom group robot. At least once.

Robots need no trusted IP addresses and no token; the key in the URL is the whole credential.
"""

import json
import re
from typing import Any

from actuator.configs.sinks import WecomRobotSink
from actuator.message import Message
from actuator.notify.budget import Rate
from actuator.sinks import wecom
from actuator.sinks.sending import Sending, http_verdict, post_json, reveal, without
from actuator.sinks.verdict import Outcome, Verdict, sendable
from actuator.sinks.wecom import Code, Meaning
from nodekit.http import HttpError, session

NAME = "wecom_robot"
SILENCE = 60.0
"""Seconds that WeCom's block lasts once the frequency was exceeded."""


class WecomRobot:
    """Sends to one group."""

    rates: tuple[Rate, ...] = wecom.ROBOT_RATES
    remembers = 0.0

    def __init__(self, name: str, config: WecomRobotSink) -> None:
        self._shown = f"WeCom robot ({name})"
        self._config = config
        self._http = session()

    def fits(self, message: Message, *, simple: bool = False) -> bool:
        """Whether WeCom takes the message in one piece."""
        return wecom.fits(message, wecom.ROBOT_MARKDOWN, simple=simple)

    def send(self, message: Message, sending: Sending) -> Verdict:
        """Send one message. Raises UnreadableSecretError."""
        key = reveal(self._config.key_file)
        key = key.rpartition("key=")[2]  # people put the whole URL into the file
        if not re.fullmatch(r"[\w-]{4,128}", key):
            return Verdict(Outcome.BROKEN, f"{self._shown}: key_file holds no robot key")
        url = f"{self._config.api_url}/cgi-bin/webhook/send?key={key}"
        if not sendable(url):
            return Verdict(Outcome.BROKEN, f"{self._shown}: api_url is neither https nor local")
        try:
            body = post_json(
                self._http, url, _body(message, simple=sending.simple), self._config.timeout, self._shown
            )
        except HttpError as error:
            return http_verdict(error, (key,))
        return judged(body, self._shown, (key,))


def _body(message: Message, *, simple: bool) -> dict[str, Any]:
    if not simple:
        return {"msgtype": "markdown", "markdown": {"content": wecom.markdown(message)}}
    text: dict[str, Any] = {"content": wecom.text_form(message)}
    if message.mentions:
        text["mentioned_list"] = list(message.mentions)
    return {"msgtype": "text", "text": text}


def judged(body: bytes, shown: str, secrets: tuple[str, ...]) -> Verdict:
    """The verdict of an answer's `errcode`, whatever its HTTP status was."""
    try:
        answer = json.loads(body)
        errcode = int(answer["errcode"])
    except (ValueError, TypeError, KeyError):
        return Verdict(Outcome.MAYBE, f"{shown} answered without errcode")
    code = wecom.meaning_of(errcode)
    if code.meaning is Meaning.DELIVERED:
        return Verdict(Outcome.DELIVERED, f"delivered to {shown}")
    words = without(str(answer.get("errmsg", "")), secrets)
    detail = f"{shown}: errcode {errcode} {wecom.said(words)}"
    if code.advice:
        detail += f"; {code.advice}"
    return verdict_of(code, detail)


def verdict_of(code: Code, detail: str) -> Verdict:
    """What a row of the table means for the message and the channel."""
    if code.meaning is Meaning.FREQUENCY:
        return Verdict(Outcome.LATER, detail, SILENCE)
    if code.meaning in (Meaning.RETRY, Meaning.TOKEN):
        return Verdict(Outcome.LATER, detail)
    return Verdict(Outcome.SIMPLER if code.meaning is Meaning.PAYLOAD else Outcome.BROKEN, detail)
