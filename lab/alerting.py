"""The way of an alert, as shipped: exporter, Prometheus with the rules, Alertmanager, actuator, Slack."""

from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lab.alertmanager import Alertmanager
from lab.binaries import CHECKOUT
from lab.prometheus import Prometheus
from lab.slack import Slack
from lab.stack import Program

TELL = {"when": {"severity": ["critical"]}, "do": [{"notify": ["ops"]}]}
"""The rule of a playbook that has Slack told of everything critical."""


@dataclass(frozen=True, slots=True)
class Alerting:
    """What runs."""

    exporter: Program
    actuator: Program
    prometheus: Prometheus


@contextmanager
def alerting(
    root: Path, slack: Slack, exporter: Mapping[str, Any], actuator: Mapping[str, Any] | None = None
) -> Iterator[Alerting]:
    """All of it, for an exporter.yml, and an actuator.yml besides ledger, sink `ops` and playbook."""
    secret = root / "slack_webhook"
    secret.write_text(slack.webhook_url)
    looks = Program("exporter", "exporter", root / "exporter", exporter)
    acts = Program("actuator", "actuator", root / "actuator", {
        "ledger": f"sqlite:///{root / 'ledger.db'}",
        "sinks": {"ops": {"type": "slack", "webhook_url_file": str(secret)}},
        "playbook": [TELL], **(actuator or {}),
    })  # fmt: skip
    shipped = CHECKOUT / "alerting"
    hooks = (shipped / "alertmanager.yml").read_text().replace("http://127.0.0.1:19189", acts.url)
    alertmanager = Alertmanager(root / "alertmanager", hooks)
    text = (shipped / "prometheus.yml").read_text()
    for port, ours in ((19188, looks.port), (19189, acts.port), (9093, alertmanager.port)):
        text = text.replace(f"127.0.0.1:{port}", f"127.0.0.1:{ours}")
    prometheus = Prometheus(root / "prometheus", text, {"rules.yml": (shipped / "rules.yml").read_text()})
    with ExitStack() as running:
        for server in (looks, acts, alertmanager, prometheus):
            running.enter_context(server)
        yield Alerting(looks, acts, prometheus)
