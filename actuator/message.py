"""PURE: a message to operators, and Slack's form of it.

Limits: text 40,000 characters, 50 blocks, section text 3,000, header 150 (Slack's documentation of
blocks and incoming webhooks); about 13,200 in all blocks together (undocumented, bolt-js #2509).
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

from actuator.alert import Alert

HEADER_LIMIT = 150
SECTION_LIMIT = 2900
TOTAL_LIMIT = 12_000


class Tone(StrEnum):
    """How urgent a message looks: Slack's own names of colours."""

    GOOD = "good"
    WARNING = "warning"
    DANGER = "danger"


@dataclass(frozen=True, slots=True)
class Message:
    """A message before it takes a channel's form. Paragraphs are (label, text), links (label, URL)."""

    title: str
    tone: Tone
    paragraphs: tuple[tuple[str, str], ...] = ()
    links: tuple[tuple[str, str], ...] = ()


def alert_message(alert: Alert, now: float, external_url: str = "") -> Message:
    """What an alert says: what is wrong, since when, where."""
    severity = alert.labels.get("severity", "")
    named = [alert.labels[name] for name in ("node", "group", "producer", "target") if name in alert.labels]
    subject = " ".join(dict.fromkeys(named)) or alert.labels.get("instance", "")
    title = f"[{alert.status.upper()}] {alert.name} {subject}".strip() + (
        f" ({severity})" if severity else ""
    )
    started = datetime.fromtimestamp(alert.starts_at, UTC)
    since = f"{started:%Y-%m-%d %H:%M:%S} UTC, {lasted(now - alert.starts_at)}"
    told = {"alertname", "severity"}
    rest = ", ".join(f"{key}={value}" for key, value in sorted(alert.labels.items()) if key not in told)
    summary = alert.annotations.get("summary", "")
    description = alert.annotations.get("description", "")
    paragraphs = [
        (
            "What is wrong" if alert.firing else "What was wrong",
            "\n".join(filter(None, (summary, description))),
        ),
        ("Since" if alert.firing else "Resolved, began", since),
        ("Labels", rest),
    ]
    return Message(
        title=title,
        tone=_tone(alert, severity),
        paragraphs=tuple((label, text) for label, text in paragraphs if text),
        links=_links(alert, external_url),
    )


def _tone(alert: Alert, severity: str) -> Tone:
    if not alert.firing:
        return Tone.GOOD
    return Tone.DANGER if severity == "critical" else Tone.WARNING


def _links(alert: Alert, external_url: str) -> tuple[tuple[str, str], ...]:
    found = [
        ("Runbook", alert.annotations.get("runbook_url", "")),
        ("Dashboard", alert.annotations.get("dashboard_url", "")),
        ("Source", alert.generator_url),
        ("Alertmanager", external_url),
    ]
    return tuple((label, url) for label, url in found if url.startswith(("http://", "https://")))


def lasted(seconds: float) -> str:
    """A length of time as people say it: `45 s`, `12 min`, `3.5 h`."""
    if seconds < 120:
        return f"{max(0.0, seconds):.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.1f} h"


def slack_payload(message: Message) -> dict[str, Any]:
    """The JSON body of an incoming webhook, within every limit of Slack."""
    budget = TOTAL_LIMIT
    blocks: list[dict[str, Any]] = []
    for label, text in message.paragraphs:
        body = cut(f"*{escape(label)}*\n{escape(text)}", min(SECTION_LIMIT, budget))
        budget -= len(body)
        if budget <= 0:
            break
        blocks.append({"type": "section", "text": {"type": "mrkdwn", "text": body}})
    if message.links and budget > 0:
        line = " · ".join(f"<{_link(url)}|{escape(label)}>" for label, url in message.links)
        if len(line) <= min(SECTION_LIMIT, budget):
            blocks.append({"type": "context", "elements": [{"type": "mrkdwn", "text": line}]})
    title = cut(message.title, HEADER_LIMIT)
    header = {"type": "header", "text": {"type": "plain_text", "text": title, "emoji": False}}
    return {
        "text": cut(escape(plain(message)), 3000),
        "blocks": [header],
        "attachments": [{"color": message.tone, "blocks": blocks}],
        "unfurl_links": False,
    }


def plain(message: Message) -> str:
    """The message as text: the fallback of clients that show no blocks, and what notifications show."""
    lines = [message.title, *(f"{label}: {text}" for label, text in message.paragraphs)]
    return "\n".join(lines)


def escape(text: str) -> str:
    """Slack's three control characters: without them no label can mention people or fake a link."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _link(url: str) -> str:
    """A URL inside `<…|…>`: its own delimiters are percent-encoded."""
    return escape(url.replace("|", "%7C").replace("<", "%3C").replace(">", "%3E"))


def cut(text: str, limit: int) -> str:
    """At most `limit` characters, never in the middle of an escape; a cut text ends with `…`."""
    if len(text) <= limit:
        return text
    kept = text[: max(0, limit - 1)]
    ampersand = kept.rfind("&")
    if ampersand > len(kept) - 5 and ";" not in kept[ampersand:]:
        kept = kept[:ampersand]
    return kept + "…"


def as_arguments(sink: str, message: Message) -> Mapping[str, object]:
    """A message as the arguments of a notification step; JSON values."""
    return {"sink": sink, "payload": json.loads(json.dumps(slack_payload(message)))}
