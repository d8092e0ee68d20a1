"""Where messages go. Each module has NAME and one class; add yours to SINKS, one line, and to `build`."""

from types import ModuleType

from actuator.configs.sinks import AppriseSink, SlackSink, WebhookSink, WecomAppSink, WecomRobotSink
from actuator.configs.sinks import Sink as SinkConfig
from actuator.ledger import Ledger
from actuator.sinks import apprise, slack, webhook, wecom_app, wecom_robot
from actuator.sinks.sending import Sink

SINKS: tuple[ModuleType, ...] = (slack, wecom_robot, wecom_app, webhook, apprise)


def build(name: str, config: SinkConfig, ledger: Ledger) -> Sink:
    """The sink that a configuration asks for. Raises ValueError when it cannot be built."""
    match config:
        case SlackSink():
            return slack.Slack(name, config)
        case WecomRobotSink():
            return wecom_robot.WecomRobot(name, config)
        case WecomAppSink():
            return wecom_app.WecomApp(name, config, ledger)
        case WebhookSink():
            return webhook.Webhook(name, config)
        case AppriseSink():
            return apprise.Apprise(name, config)
