"""PURE: collectd's notifications (write_http, `Notifications true`) → alerts as Alertmanager takes them.

collectd sends almost that itself, but its severity is a label, so that the OKAY is another alert than the
FAILURE that it ends, and nothing ever has an end.
"""

from collections.abc import Mapping
from datetime import UTC, datetime

SEVERITIES = {"FAILURE": "critical", "WARNING": "warning"}
OKAY = "OKAY"


class BadNotificationError(ValueError):
    """What was sent is no list of collectd's notifications; the text says why."""


def alerts(sent: object, now: float, keep: float) -> list[dict[str, object]]:
    """Alerts for POST /api/v2/alerts: one that fires for `keep` seconds, or the ends of both for an OKAY.

    Raises BadNotificationError.
    """
    if not isinstance(sent, list) or not sent:
        raise BadNotificationError("send the list that collectd's write_http sends with `Notifications true`")
    return [alert for item in sent for alert in _of(item, now, keep)]


def _of(item: object, now: float, keep: float) -> list[dict[str, object]]:
    labels = _texts(item, "labels")
    said = labels.pop("severity", "")
    if "alertname" not in labels:
        raise BadNotificationError("a notification has no `alertname` among its labels")
    if said not in SEVERITIES and said != OKAY:
        raise BadNotificationError(f"severity {said!r} is none of FAILURE, WARNING, OKAY")
    notes = _texts(item, "annotations")
    if said == OKAY:
        return [_alert(labels, severity, notes, now, now) for severity in SEVERITIES.values()]
    other = next(severity for key, severity in SEVERITIES.items() if key != said)
    firing = _alert(labels, SEVERITIES[said], notes, now, now + keep)
    return [firing, _alert(labels, other, notes, now, now)]  # it is one or the other


def _alert(
    labels: Mapping[str, str], severity: str, notes: Mapping[str, str], now: float, ends: float
) -> dict[str, object]:
    found: dict[str, object] = {
        "labels": {**labels, "severity": severity, "source": "collectd"},
        "annotations": dict(notes),
        "endsAt": _time(ends),
    }
    return found if ends == now else {**found, "startsAt": _time(now)}


def _texts(item: object, key: str) -> dict[str, str]:
    found = item.get(key) if isinstance(item, dict) else None
    if not isinstance(found, dict):
        raise BadNotificationError(f"a notification has no `{key}`")
    return {str(name): str(value) for name, value in found.items()}


def _time(moment: float) -> str:
    return datetime.fromtimestamp(moment, UTC).isoformat()
