"""The agent's own metrics."""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

BUCKETS = (0.005, 0.05, 0.5, 1.0, 5.0, 15.0, 60.0, 300.0)


class Metrics:
    """All families of the agent, in one registry."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.commands = Counter(
            "chainwarden_agent_commands", "Commands that ended.", ["service", "outcome"], registry=registry
        )
        self.refused = Counter(
            "chainwarden_agent_refused",
            "Messages that were not obeyed: `malformed`, or the code of the refusal.",
            ["reason"],
            registry=registry,
        )
        self.seconds = Histogram(
            "chainwarden_agent_command_seconds",
            "How long commands took.",
            ["service"],
            buckets=BUCKETS,
            registry=registry,
        )
        self.connected = Gauge(
            "chainwarden_agent_broker_connected", "1 while the broker is connected.", registry=registry
        )
        self.waiting = Gauge("chainwarden_agent_commands_waiting", "Commands that wait.", registry=registry)
        self.running = Gauge("chainwarden_agent_commands_running", "Commands that run.", registry=registry)
        self.undelivered = Gauge(
            "chainwarden_agent_results_undelivered",
            "Results that the broker has not taken yet.",
            registry=registry,
        )
        self.fences = Counter(
            "chainwarden_agent_fences_kept", "Pauses of a node that had been started unpaused.", ["node"],
            registry=registry,
        )  # fmt: skip
