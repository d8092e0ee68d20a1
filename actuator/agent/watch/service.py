"""A daemon as a service of the agent: the commands that reach it over MQTT."""

import threading
from collections.abc import Mapping

from actuator.agent.builtin import Outcome
from actuator.agent.watch.watchdog import Watchdog


class DaemonService:
    """One daemon. It is started and stopped under the lock that the watchdog takes too."""

    def __init__(self, name: str, watchdog: Watchdog) -> None:
        self._name = name
        self._watchdog = watchdog

    @property
    def commands(self) -> frozenset[str]:
        """As Builtin."""
        return self._watchdog.guards[self._name].commands

    def run(self, command: str, message: Mapping[str, object], stop: threading.Event) -> Outcome:
        """As Builtin; the message is not used. Starting what runs and stopping what does not is no error."""
        del message, stop
        return self._watchdog.run(self._name, command)
