"""collectd's notifications through the actuator into a real Alertmanager."""

import json
from pathlib import Path
from typing import Any

from lab.alertmanager import Alertmanager
from lab.binaries import CHECKOUT
from lab.server import poll
from lab.stack import Program
from lab.webcall import get_json, post


def notification(severity: str) -> bytes:
    """As collectd 5.12's write_http sends it."""
    labels = {"alertname": "collectd_load", "instance": "h1", "severity": severity, "service": "collectd"}
    annotations = {"summary": "Host h1, plugin load: too high", "CurrentValue": "9.5"}
    return json.dumps([{"labels": labels, "annotations": annotations}]).encode()


def test_an_okay_ends_what_a_failure_began(tmp_path: Path) -> None:
    text = (CHECKOUT / "alerting" / "alertmanager.yml").read_text()
    with Alertmanager(tmp_path / "alertmanager", text) as alertmanager:
        config = {
            "ledger": f"sqlite:///{tmp_path / 'ledger.db'}",
            "collectd": {"alertmanager": alertmanager.url},
        }
        with Program("actuator", "actuator", tmp_path / "actuator", config) as actuator:

            def active() -> list[tuple[str, str]]:
                found: list[dict[str, Any]] = get_json(f"{alertmanager.url}/api/v2/alerts?active=true")
                return [(one["labels"]["alertname"], one["labels"]["severity"]) for one in found]

            post(f"{actuator.url}/collectd", notification("WARNING"))
            assert poll(lambda: active() == [("collectd_load", "warning")], 5), active()
            post(f"{actuator.url}/collectd", notification("FAILURE"))
            assert poll(lambda: active() == [("collectd_load", "critical")], 5), active()
            post(f"{actuator.url}/collectd", notification("OKAY"))
            assert poll(lambda: active() == [], 5), active()
