"""What every sink does: read its secret, send one HTTP request, judge how that failed."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol
from urllib.parse import parse_qsl, urlsplit

import requests

from actuator.message import Message
from actuator.notify.budget import Rate
from actuator.sinks.verdict import Outcome, Verdict
from nodekit.http import HttpError, Reason, request
from nodekit.settings import SecretFile

UNREACHED = {Reason.REFUSED, Reason.CONNECT}
"""The request did not get out; it cannot have been done."""
HALFWAY = {Reason.TIMEOUT, Reason.CLOSED, Reason.TOO_LARGE}
"""The request may have been done; the answer is missing."""


@dataclass(frozen=True, slots=True)
class Sending:
    """What a sink may need besides the message itself."""

    simple: bool = False
    """The rich form was refused: bare text."""
    thread: tuple[str, str] | None = None
    """Channel and id of the first message about the same thing."""
    resolved: bool = False


class Sink(Protocol):
    """A channel. Only `send` does anything."""

    rates: tuple[Rate, ...]
    """What the channel allows."""
    remembers: float
    """Seconds in which the channel itself drops the same message when it comes again; 0 when it does not."""

    def fits(self, message: Message, *, simple: bool = False) -> bool:
        """Whether the channel takes the message in one piece."""

    def send(self, message: Message, sending: Sending) -> Verdict:
        """Send it once. Raises UnreadableSecretError; everything else is a verdict."""


class UnreadableSecretError(Exception):
    """A secret file cannot be read now."""


def reveal(secret: SecretFile) -> str:
    """The secret's text. Raises UnreadableSecretError, which names the file and nothing else."""
    try:
        return secret.reveal()
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "not text"
        raise UnreadableSecretError(f"the file {secret.path.name} cannot be read: {reason}") from None


def post_json(
    http: requests.Session, url: str, body: Mapping[str, Any], timeout: float, shown: str,
    headers: Mapping[str, str] | None = None,
) -> bytes:  # fmt: skip
    """POST a JSON body and return the answer's. Raises HttpError."""
    sent = {"Content-Type": "application/json; charset=utf-8", **(headers or {})}
    return request(
        http, "POST", url, timeout=timeout, body=json.dumps(body).encode(), headers=sent, shown=shown
    ).body


def http_verdict(error: HttpError, secrets: tuple[str, ...] = ()) -> Verdict:
    """What a failed request means: later, maybe, this one never, or none ever."""
    text = told(error, secrets)
    status = error.status
    if status == 429:
        return Verdict(Outcome.LATER, text, error.retry_after or 0.0)
    if error.reason in UNREACHED or (status is not None and status >= 500):
        return Verdict(Outcome.LATER, text, error.retry_after or 0.0)
    if error.reason in HALFWAY:
        return Verdict(Outcome.MAYBE, text)
    if status in (400, 413, 422):
        return Verdict(Outcome.SIMPLER, text)
    return Verdict(Outcome.BROKEN, text)


def told(error: HttpError, secrets: tuple[str, ...]) -> str:
    """An error in words; what the channel said is cut only after every secret is out of it."""
    if not error.body:
        return without(str(error), secrets)
    answer = without(error.body[:20_000].decode("utf-8", "replace"), secrets)
    return f"{str(error).partition(': answered')[0]}: answered HTTP {error.status}: {answer[:200]}"


def pieces(url: str) -> tuple[str, ...]:
    """The parts of a URL that may be credentials: an answer may quote any of them."""
    parts = urlsplit(url)
    values = [value for _, value in parse_qsl(parts.query)]
    return (url, parts.path.strip("/"), parts.query, *values, parts.path.rpartition("/")[2])


def without(text: str, secrets: tuple[str, ...]) -> str:
    """Text in which no secret stands: an answer may quote what it was sent."""
    for secret in secrets:
        if len(secret) >= 4:
            text = text.replace(secret, "[secret]")
    return text
