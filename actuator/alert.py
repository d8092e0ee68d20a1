"""PURE: Alertmanager's webhook payload, version 4, as frozen values.

Unknown members are ignored (newer versions add some); one malformed alert never costs its siblings.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

MAX_ALERTS = 1000
MAX_LABELS = 100
MAX_TEXT = 16384
"""Characters of one label or annotation value that are kept."""


class BadPayloadError(Exception):
    """A body that never will be good; the text says what Alertmanager should send."""


@dataclass(frozen=True, slots=True)
class Alert:
    """One alert. `starts_at` is unix seconds and may move earlier between deliveries."""

    status: str
    """`firing` or `resolved`."""
    fingerprint: str
    labels: Mapping[str, str]
    annotations: Mapping[str, str]
    starts_at: float
    generator_url: str = ""
    ends_at: float | None = None
    """When it was resolved; None while it fires."""

    @property
    def name(self) -> str:
        """The alertname, or a dash."""
        return self.labels.get("alertname", "-")

    @property
    def firing(self) -> bool:
        """Whether the condition holds."""
        return self.status == "firing"


@dataclass(frozen=True, slots=True)
class BadAlert:
    """An alert that cannot be understood, kept for a human."""

    reason: str
    payload: str


@dataclass(frozen=True, slots=True)
class Delivery:
    """One POST of Alertmanager."""

    receiver: str
    external_url: str
    truncated: int
    """Alerts that Alertmanager left out (`max_alerts`); should be 0."""
    alerts: tuple[Alert, ...]
    bad: tuple[BadAlert, ...]


def parse_delivery(raw: object) -> Delivery:
    """Read a decoded JSON body. Raises BadPayloadError."""
    if not isinstance(raw, dict):
        raise BadPayloadError("the body is no JSON object; send Alertmanager's webhook payload")
    if raw.get("version") != "4":
        raise BadPayloadError(
            f"version is {raw.get('version')!r}; send Alertmanager's webhook payload version 4"
        )
    rows = raw.get("alerts")
    if not isinstance(rows, list):
        raise BadPayloadError("`alerts` is no list; do not change the payload with a template")
    if len(rows) > MAX_ALERTS:
        raise BadPayloadError(f"{len(rows)} alerts in one delivery; {MAX_ALERTS} are taken at most")
    alerts: list[Alert] = []
    bad: list[BadAlert] = []
    for row in rows:
        try:
            alerts.append(parse_alert(row))
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            reason = f"{type(error).__name__}: {error}"
            bad.append(BadAlert(reason, json.dumps(row, default=str)[:MAX_TEXT]))
    truncated = raw.get("truncatedAlerts", 0)
    return Delivery(
        receiver=str(raw.get("receiver", "")),
        external_url=_text(raw.get("externalURL", "")),
        truncated=truncated if isinstance(truncated, int) else 0,
        alerts=tuple(alerts),
        bad=tuple(bad),
    )


def parse_alert(raw: Mapping[str, Any]) -> Alert:
    """Read one alert. Raises ValueError, TypeError, KeyError or AttributeError."""
    status = raw["status"]
    if status not in ("firing", "resolved"):
        raise ValueError(f"status is {status!r}, not firing or resolved")
    labels = _texts(raw["labels"], "labels")
    if not labels:
        raise ValueError("an alert without labels")
    fingerprint = raw.get("fingerprint") or fingerprint_of(labels)
    if not isinstance(fingerprint, str) or len(fingerprint) > 64:
        raise ValueError("fingerprint is no short text")
    return Alert(
        status=status,
        fingerprint=_text(fingerprint),
        labels=labels,
        annotations=_texts(raw.get("annotations") or {}, "annotations"),
        starts_at=parse_time(raw["startsAt"]),
        generator_url=_text(raw.get("generatorURL") or ""),
        ends_at=parse_time(raw["endsAt"]) if status == "resolved" and raw.get("endsAt") else None,
    )


def _texts(raw: Mapping[str, Any], what: str) -> dict[str, str]:
    if len(raw) > MAX_LABELS:
        raise ValueError(f"{len(raw)} {what}; {MAX_LABELS} are taken at most")
    for key, value in raw.items():
        if not isinstance(key, str) or not isinstance(value, str):
            raise TypeError(f"{what}: {key!r} is no text")
    return {_text(key): _text(value)[:MAX_TEXT] for key, value in raw.items()}


def _text(raw: object) -> str:
    """Text that every ledger can hold: no NUL, no half of a character."""
    return str(raw).replace("\0", "").encode("utf-8", "replace").decode()


def parse_time(text: str) -> float:
    """Unix seconds of an RFC 3339 time; nanoseconds are cut to microseconds. Raises ValueError."""
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError(f"{text}: a time without zone")
    return moment.astimezone(UTC).timestamp()


def fingerprint_of(labels: Mapping[str, str]) -> str:
    """A stand-in for senders that give none (Alertmanager before 0.19): 16 hex digits of the labels."""
    text = json.dumps(sorted(labels.items()), ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()[:16]
