"""What of a sink's configuration can be tried before the actuator starts."""

from actuator.configs.sinks import AppriseSink, Sink, WebhookSink
from actuator.sinks.apprise import Apprise
from actuator.sinks.webhook import Webhook


def problem_of(name: str, config: Sink) -> str | None:
    """Why this sink could not be built; None when it can."""
    try:
        if isinstance(config, WebhookSink):
            Webhook(name, config)
        elif isinstance(config, AppriseSink):
            Apprise(name, config)
    except ValueError as error:
        return str(error)
    return None
