"""What actuator.yml may say of collectd's notifications."""

from nodekit.settings import Settings
from nodekit.words import HttpUrl, Time


class Collectd(Settings):
    """Where notifications that arrive at /collectd go."""

    alertmanager: HttpUrl
    """Where it hands the alerts to."""
    keep: Time = 300.0
    """How long an alert fires without being sent again; longer than the interval of `Persist true`."""
