"""The actuator's own counters."""

from prometheus_client import CollectorRegistry, Counter, Gauge

from actuator.sinks.verdict import Verdict
from actuator.step import Receipt, Step


class Metrics:
    """Counters on one registry, so that two actuators in one process do not mix."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.requests = Counter(
            "chainwarden_webhook_requests", "Deliveries of Alertmanager, by HTTP status.", ["code"],
            registry=registry,
        )  # fmt: skip
        self.alerts = Counter(
            "chainwarden_alerts_received", "Alerts delivered, by what they meant for their episode.",
            ["placement"], registry=registry,
        )  # fmt: skip
        self.quarantined = Counter(
            "chainwarden_alerts_quarantined", "Alerts that could not be understood.", registry=registry
        )
        self.truncated = Counter(
            "chainwarden_alerts_truncated", "Alerts that Alertmanager left out of its deliveries.",
            registry=registry,
        )  # fmt: skip
        self.steps = Counter(
            "chainwarden_steps", "Steps by action and what became of them.", ["action", "state"],
            registry=registry,
        )  # fmt: skip
        self.watchdog_at: float | None = None
        """When the always-firing alert last arrived."""
        self.notifications = Counter(
            "chainwarden_notifications", "Messages that were sent, or tried, by what came of it.",
            ["sink", "outcome"], registry=registry,
        )  # fmt: skip
        self.heartbeat = Gauge(
            "chainwarden_heartbeat_last_success_timestamp_seconds",
            "When the outside dead-man switch last took our heartbeat, unix seconds.", registry=registry,
        )  # fmt: skip
        self.watchdog = Gauge(
            "chainwarden_watchdog_last_seen_timestamp_seconds",
            "When the always-firing Watchdog alert was last delivered, unix seconds.",
            ["alertname"], registry=registry,
        )  # fmt: skip

    def watchdog_seen(self, alertname: str, now: float) -> None:
        """Note that the always-firing alert arrived."""
        self.watchdog_at = now
        self.watchdog.labels(alertname).set(now)

    def notification(self, sink: str, verdict: Verdict) -> None:
        """Count one attempt to send a message."""
        self.notifications.labels(sink, verdict.outcome).inc()

    def step_finished(self, step: Step, receipt: Receipt) -> None:
        """Count one receipt."""
        self.steps.labels(step.action, receipt.state).inc()
