"""Sink `webhook`: any HTTP request, templated: SMS gateways and anything else. At least once.

The configuration's texts are Jinja2 templates with `title`, `text`, `severity`, `links`, `mentions` and
`secret`; the filters `truncate_bytes` and `ascii_only` are for SMS. Every value is put in as data: into
JSON as a string, into queries and forms percent-encoded.
"""

import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

from jinja2 import StrictUndefined, TemplateError
from jinja2.sandbox import ImmutableSandboxedEnvironment

from actuator.configs.sinks import Success, WebhookSink
from actuator.message import Message, Tone, cut_bytes, plain
from actuator.notify.budget import Rate
from actuator.sinks.sending import Sending, http_verdict, pieces, reveal, without
from actuator.sinks.verdict import Outcome, Verdict, sendable
from nodekit.http import HttpError, request, session

NAME = "webhook"
AGAIN = 20.0
"""Seconds before a gateway is asked again that said no in its own words: they may mean that it is busy."""


class Webhook:
    """Sends one request a message."""

    rates: tuple[Rate, ...] = (Rate(60, 60.0),)
    """No gateway's own limit: a bound for ours; `rate` sets another."""
    remembers = 0.0

    def __init__(self, name: str, config: WebhookSink) -> None:
        """Read the templates. Raises ValueError when one of them is wrong."""
        self._shown = f"webhook ({name})"
        self._config = config
        self._http = session()
        try:
            self._body(dict.fromkeys(config.secret_files, "x"), Message("title", Tone.GOOD))
        except (TemplateError, TypeError) as error:
            raise ValueError(f"a template of this sink is wrong: {error}") from None

    def fits(self, message: Message, *, simple: bool = False) -> bool:
        """Whether the text needs at most `max_bytes`."""
        return simple or len(plain(message).encode()) <= self._config.max_bytes

    def send(self, message: Message, sending: Sending) -> Verdict:  # noqa: ARG002 - of the interface
        """Send one request. Raises UnreadableSecretError."""
        config = self._config
        url = reveal(config.url_file)
        secrets = {name: reveal(file) for name, file in config.secret_files.items()}
        hidden = (*pieces(url), *secrets.values())
        if not sendable(url):
            return Verdict(Outcome.BROKEN, f"{self._shown}: the URL is neither https nor on this machine")
        try:
            query, headers, body = self._body(secrets, message)
        except TemplateError as error:
            return Verdict(Outcome.REFUSED, without(f"{self._shown}: a template is wrong: {error}", hidden))
        if query:
            url += ("&" if "?" in url else "?") + query
        try:
            answer = request(
                self._http, config.method, url, timeout=config.timeout, body=body, headers=headers,
                shown=self._shown,
            )  # fmt: skip
        except HttpError as error:
            if error.status in config.success.status:
                return Verdict(Outcome.DELIVERED, f"delivered to {self._shown}")
            verdict = http_verdict(error, hidden)
            # bare text is what it has got already
            return Verdict(Outcome.REFUSED, verdict.detail) if verdict.outcome is Outcome.SIMPLER else verdict
        problem = unlike(config.success, answer.status, answer.body, hidden)
        if problem:
            return Verdict(Outcome.REFUSED, f"{self._shown}: {problem}", AGAIN)
        return Verdict(Outcome.DELIVERED, f"delivered to {self._shown}")

    def _body(self, secrets: Mapping[str, str], message: Message) -> tuple[str, dict[str, str], bytes | None]:
        """Query, headers and body. Raises TemplateError."""
        config, values = self._config, _values(message, secrets)
        headers = {key: _line(_fill(text, values)) for key, text in config.headers.items()}
        query = urlencode({key: _fill(text, values) for key, text in config.query.items()})
        if config.json_body is not None:
            headers.setdefault("Content-Type", "application/json; charset=utf-8")
            return query, headers, json.dumps(_filled(config.json_body, values)).encode()
        if config.form_body is not None:
            headers.setdefault("Content-Type", "application/x-www-form-urlencoded; charset=utf-8")
            return query, headers, urlencode(_filled(config.form_body, values)).encode()
        if config.method == "GET":
            return query, headers, None
        headers.setdefault("Content-Type", "text/plain; charset=utf-8")
        return query, headers, plain(message).encode()


def _values(message: Message, secrets: Mapping[str, str]) -> dict[str, Any]:
    return {
        "title": message.title,
        "text": plain(message),
        "severity": {Tone.DANGER: "critical", Tone.WARNING: "warning"}.get(message.tone, "info"),
        "links": [{"label": label, "url": url} for label, url in message.links],
        "mentions": list(message.mentions),
        "secret": dict(secrets),
    }


def _environment() -> ImmutableSandboxedEnvironment:
    made = ImmutableSandboxedEnvironment(undefined=StrictUndefined, autoescape=False)
    made.filters["truncate_bytes"] = cut_bytes
    made.filters["ascii_only"] = lambda text: text.encode("ascii", "replace").decode()
    return made


_ENVIRONMENT = _environment()


def _fill(text: str, values: Mapping[str, Any]) -> str:
    return _ENVIRONMENT.from_string(text).render(values)


def _filled(value: Any, values: Mapping[str, Any]) -> Any:
    """The same structure with every text filled in."""
    if isinstance(value, str):
        return _fill(value, values)
    if isinstance(value, Mapping):
        return {key: _filled(item, values) for key, item in value.items()}
    return [_filled(item, values) for item in value] if isinstance(value, list | tuple) else value


def _line(text: str) -> str:
    """A header's value: in Latin-1, and in one line."""
    return " ".join(text.split()).encode("latin-1", "replace").decode("latin-1")


def unlike(success: Success, status: int, body: bytes, secrets: tuple[str, ...] = ()) -> str:
    """In what an answer differs from a success; empty when it is one."""
    text = without(body[:20_000].decode("utf-8", "replace"), secrets)
    if status not in success.status:
        return f"answered {status}: {text[:200]}"
    if success.contains is not None and success.contains not in text:
        return f"answered {status} without {success.contains!r}: {text[:200]}"
    if success.json_field is not None:
        found = _at(text, success.json_field)
        if found not in success.equals:
            return f"answered {status} with {success.json_field} = {found!r}: {text[:200]}"
    return ""


def _at(text: str, path: str) -> str | None:
    """The value at a dotted path of a JSON text, as text."""
    try:
        value: Any = json.loads(text)
        for part in path.split("."):
            value = value[int(part)] if isinstance(value, list) else value[part]
    except (ValueError, TypeError, KeyError, IndexError):
        return None
    return value if isinstance(value, str) else json.dumps(value)
