"""Metrics of the side that sends commands."""

from prometheus_client import CollectorRegistry, Counter, Gauge


class SenderMetrics:
    """All families of the sender, in the actuator's registry."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.connected = Gauge(
            "chainwarden_broker_connected", "1 while the broker is connected.", registry=registry
        )
        self.results = Counter(
            "chainwarden_remote_results",
            "Results from agents: `matched`, or why they were not used.",
            ["outcome"],
            registry=registry,
        )
