"""collectd's notifications as alerts."""

import pytest

from actuator.collectd import BadNotificationError, alerts

NOW = 1_795_000_000.0


def sent(severity: str) -> list[dict[str, object]]:
    labels = {"alertname": "collectd_load", "instance": "h1", "severity": severity, "service": "collectd"}
    return [{"labels": labels, "annotations": {"summary": "load"}, "startsAt": "2026-11-20T00:00:00Z"}]


def shown(severity: str) -> dict[str, tuple[bool, str]]:
    """Severity → whether it fires, and its other labels."""
    return {
        alert["labels"]["severity"]: ("startsAt" in alert, alert["labels"]["alertname"])  # type: ignore[index]
        for alert in alerts(sent(severity), NOW, 300)
    }


def test_a_failure_fires_as_critical_and_ends_the_warning_of_the_same_thing() -> None:
    assert shown("FAILURE") == {"critical": (True, "collectd_load"), "warning": (False, "collectd_load")}
    assert shown("WARNING") == {"warning": (True, "collectd_load"), "critical": (False, "collectd_load")}


def test_an_okay_ends_both() -> None:
    found = alerts(sent("OKAY"), NOW, 300)

    assert [alert["endsAt"] for alert in found] == ["2026-11-18T11:06:40+00:00"] * 2
    assert {alert["labels"]["severity"] for alert in found} == {"critical", "warning"}  # type: ignore[index]


@pytest.mark.parametrize(
    "wrong",
    [
        None,
        {},
        [],
        [1],
        [{"labels": {}}],
        sent("FATAL"),
        [{"labels": {"severity": "OKAY"}, "annotations": {}}],
    ],
)
def test_what_is_no_notification_is_refused(wrong: object) -> None:
    with pytest.raises(BadNotificationError):
        alerts(wrong, NOW, 300)
