"""PURE: a message to operators before it takes a channel's form, and the note from which it is written.

A note is what the ledger keeps: data, no wording. The wording (language, templates) and the form (Slack,
WeCom, SMS) are given at the moment of sending, so that a burst can still become one digest.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any

from actuator.alert import Alert

MAX_VALUE = 3000
"""Characters of one value that a message shows; the rest is on the page."""
_UNSEEN = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2064\u2066-\u206f\ufeff\ufff9-\ufffb]"
    "|[\ud800-\udfff]"
)
"""Controls, what turns the direction of writing, what has no width, and halves of characters."""


class Tone(StrEnum):
    """How urgent a message looks: Slack's own names of colours."""

    GOOD = "good"
    WARNING = "warning"
    DANGER = "danger"


URGENCY = {"critical": 0, "warning": 1}
"""What is sent first when not everything can be; everything else, and every resolve, comes after."""
LAST = 2


@dataclass(frozen=True, slots=True)
class Message:
    """A worded message. Paragraphs are (label, text), links (label, URL); nothing in it is markup."""

    title: str
    tone: Tone
    paragraphs: tuple[tuple[str, str], ...] = ()
    links: tuple[tuple[str, str], ...] = ()
    mentions: tuple[str, ...] = ()
    """Whom the channel calls; from the configuration only, never from a label."""
    quoted: frozenset[str] = frozenset()
    """Labels of paragraphs that quote a machine, letter by letter: log lines, error texts."""
    colon: str = ": "
    """What the language puts between a label and its text."""


@dataclass(frozen=True, slots=True)
class Note:
    """What is to be told, as data: `kind` names the template, `values` are JSON."""

    kind: str
    urgency: int
    group: str
    """Notes of one group may share a message."""
    severity: str
    values: Mapping[str, Any]


def alert_note(alert: Alert, external_url: str = "") -> Note:
    """The note of an alert that fires or is resolved."""
    severity = alert.labels.get("severity", "")
    return Note(
        kind="alert",
        urgency=URGENCY.get(severity, LAST) if alert.firing else LAST,
        group=f"{alert.name}/{alert.status}",
        severity=severity if alert.firing else "",
        values={
            "status": alert.status,
            "labels": dict(alert.labels),
            "annotations": dict(alert.annotations),
            "starts_at": alert.starts_at,
            "ends_at": alert.ends_at,
            "generator_url": alert.generator_url,
            "external_url": external_url,
        },
    )


def notice_note(message: Message, kind: str = "notice", facts: Mapping[str, Any] | None = None) -> Note:
    """The note of what chainwarden itself did or saw: already worded in English, with the facts beside it."""
    danger = message.tone is Tone.DANGER
    return Note(
        kind=kind,
        urgency=0 if danger else 1,
        group="",
        severity={Tone.DANGER: "critical", Tone.WARNING: "warning"}.get(message.tone, ""),
        values={
            "title": message.title,
            "tone": message.tone.value,
            "paragraphs": [list(pair) for pair in message.paragraphs],
            "links": [list(pair) for pair in message.links],
            "facts": dict(facts or {}),
        },
    )


def as_arguments(sink: str, note: Note) -> Mapping[str, object]:
    """A note as the arguments of a notification step; JSON values."""
    return {
        "sink": sink,
        "kind": note.kind,
        "urgency": note.urgency,
        "group": note.group,
        "severity": note.severity,
        "values": dict(note.values),
    }


def from_arguments(arguments: Mapping[str, Any]) -> Note:
    """The note of a notification step."""
    return Note(
        kind=str(arguments["kind"]),
        urgency=int(arguments["urgency"]),
        group=str(arguments["group"]),
        severity=str(arguments["severity"]),
        values=arguments["values"],
    )


def clean(text: str) -> str:
    """Text that only says what it shows: no control characters, no hidden direction, not endless."""
    shown = _UNSEEN.sub("", text.replace("\r\n", "\n").replace("\r", "\n").replace("\t", " "))
    return shown if len(shown) <= MAX_VALUE else shown[: MAX_VALUE - 1] + "…"


def web_links(links: tuple[tuple[str, str], ...]) -> tuple[tuple[str, str], ...]:
    """The links that lead to a web address; a label could also say `javascript:`."""
    return tuple((label, url) for label, url in links if url.startswith(("http://", "https://")))


def marked(message: Message, mark: str) -> Message:
    """The message with a mark before its title."""
    return replace(message, title=f"{mark} {message.title}") if mark else message


UNITS = {"s": " s", "min": " min", "h": " h", "d": " d"}
"""What English puts behind a length of time."""


def lasted(seconds: float, units: Mapping[str, str] = UNITS) -> str:
    """A length of time as people say it: `45 s`, `12 min`, `3.5 h`, `2.5 d`."""
    if seconds < 120:
        return f"{max(0.0, seconds):.0f}{units['s']}"
    if seconds < 7200:
        return f"{seconds / 60:.0f}{units['min']}"
    hours = seconds / 3600
    return f"{hours:.1f}{units['h']}" if hours < 48 else f"{hours / 24:.1f}{units['d']}"


def plain(message: Message) -> str:
    """The message as text: for channels and clients that show nothing else."""
    lines = [message.title]
    for label, text in message.paragraphs:
        colon = message.colon.rstrip() + "\n" if "\n" in text else message.colon
        lines.append(f"{label}{colon}{text}" if label else text)
    return "\n".join(lines)


def cut(text: str, limit: int) -> str:
    """At most `limit` characters, never in the middle of an escape; a cut text ends with `…`."""
    if len(text) <= limit:
        return text
    kept = text[: max(0, limit - 1)]
    ampersand = kept.rfind("&")
    if ampersand > len(kept) - 5 and ";" not in kept[ampersand:]:
        kept = kept[:ampersand]
    return kept + "…"


def cut_bytes(text: str, limit: int) -> str:
    """At most `limit` bytes of UTF-8, never half a character; a cut text ends with `…` (3 bytes)."""
    raw = text.encode()
    return text if len(raw) <= limit else raw[: max(0, limit - 3)].decode("utf-8", "ignore") + "…"
