"""What actuator.yml may say of sinks: where messages go."""

from typing import Literal

from nodekit.settings import Duration, Secret, Settings


class SlackSink(Settings):
    """A Slack incoming webhook; its URL is a credential and stands in a file."""

    type: Literal["slack"]
    webhook_url_file: Secret
    timeout: Duration = 5.0


Sink = SlackSink
"""Sinks by `type`; a union once there are more."""
