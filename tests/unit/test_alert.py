"""Alertmanager's payload: what is needed is checked, what is new is ignored, one bad alert costs no other."""

from typing import Any

import pytest

from actuator.alert import BadPayloadError, fingerprint_of, parse_delivery, parse_time

ALERT: dict[str, Any] = {
    "status": "firing",
    "labels": {"alertname": "T", "severity": "critical"},
    "annotations": {"summary": "s"},
    "startsAt": "2026-11-20T20:24:29.123456789Z",
    "endsAt": "0001-01-01T00:00:00Z",
    "generatorURL": "",
    "fingerprint": "2e8b1e3a5c2a7f10",
}


def payload(*alerts: object, **changes: object) -> dict[str, object]:
    return {"version": "4", "receiver": "r", "externalURL": "http://am", "alerts": list(alerts), **changes}


def test_a_payload_of_a_newer_alertmanager_is_read() -> None:
    found = parse_delivery(
        payload(ALERT, notification_reason="first notification", routeLabels={}, truncatedAlerts=2)
    )

    alert = found.alerts[0]
    assert (alert.name, alert.status, alert.fingerprint) == ("T", "firing", "2e8b1e3a5c2a7f10")
    assert alert.starts_at == pytest.approx(1795206269.123456)
    assert (found.truncated, found.bad) == (2, ())


@pytest.mark.parametrize(
    "change",
    [{"status": "odd"}, {"labels": {}}, {"labels": {"a": 1}}, {"startsAt": "yesterday"}, {"startsAt": None},
     {"labels": None}, {"fingerprint": "x" * 65}, {"startsAt": "2026-11-20T20:24:29"}],
    ids=str,
)  # fmt: skip
def test_a_malformed_alert_is_set_aside_and_its_sibling_taken(change: dict[str, object]) -> None:
    found = parse_delivery(payload({**ALERT, **change}, ALERT))

    assert len(found.alerts) == 1
    assert len(found.bad) == 1 and found.bad[0].reason


@pytest.mark.parametrize(
    ("body", "why"),
    [([], "no JSON object"), ({"version": "3"}, "version is '3'"), (payload() | {"alerts": "x"}, "is no list"),
     (payload(*[ALERT] * 1001), "1001 alerts")],
    ids=["list", "version", "alerts", "too many"],
)  # fmt: skip
def test_a_body_that_never_will_be_good_says_what_to_send(body: object, why: str) -> None:
    with pytest.raises(BadPayloadError, match=why):
        parse_delivery(body)


def test_an_alert_without_fingerprint_gets_one_of_its_labels() -> None:
    alert = {key: value for key, value in ALERT.items() if key != "fingerprint"}

    found = parse_delivery(payload(alert)).alerts[0]

    assert found.fingerprint == fingerprint_of({"severity": "critical", "alertname": "T"})
    assert found.fingerprint != fingerprint_of({"alertname": "T"})


def test_times_keep_their_zone() -> None:
    assert parse_time("2026-11-20T22:00:00+02:00") == parse_time("2026-11-20T20:00:00Z")


def test_control_characters_and_endless_labels_come_out_short() -> None:
    found = parse_delivery(payload({**ALERT, "labels": {"a": "x\0y", "b": "z" * 10**6}})).alerts[0]

    assert found.labels["a"] == "xy"
    assert len(found.labels["b"]) == 16384


def test_what_no_ledger_could_hold_is_replaced_and_the_alert_taken() -> None:
    """PostgreSQL takes neither NUL nor half a character; JSON can say both."""
    odd = "a\0b\ud800c"
    raw = {
        "status": "firing", "labels": {"alertname": odd, odd: odd}, "annotations": {odd: odd},
        "startsAt": "2026-11-20T20:24:29Z", "fingerprint": odd, "generatorURL": odd,
    }  # fmt: skip
    found = parse_delivery({"version": "4", "externalURL": odd, "alerts": [raw]})

    (one,) = found.alerts
    assert one.labels == {"alertname": "ab?c", "ab?c": "ab?c"} and one.annotations == {"ab?c": "ab?c"}
    assert (one.fingerprint, one.generator_url, found.external_url) == ("ab?c", "ab?c", "ab?c")
