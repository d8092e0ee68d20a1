"""What is seen of one service: what its checks read, what holds against it, whether it is left alone now."""

import time
from dataclasses import dataclass

from actuator.agent.watch import calendar, conditions
from actuator.agent.watch.checks import Then
from actuator.agent.watch.conditions import Holding, Reading, Streaks
from actuator.agent.watch.config import Daemon
from actuator.agent.watch.sensors import Sensor
from nodekit.processes import Process

INTERVAL = 1.0
"""Seconds for which it is known whether a maintenance window is open."""


@dataclass(frozen=True, slots=True)
class Seen:
    """One look."""

    alive: bool
    maintenance: bool
    holding: tuple[Holding, ...]
    """Conditions that held for their time."""

    def why(self, then: Then) -> str | None:
        """The first condition from which this follows."""
        return next((one.why for one in self.holding if one.rule.then == then), None)


class Eyes:
    """The checks of one daemon; used by its worker alone."""

    def __init__(self, config: Daemon) -> None:
        self._config = config
        self._checks = config.watch.checks if config.watch is not None else ()
        self._windows = [one.window for one in config.watch.maintenance] if config.watch is not None else []
        self.sensors = [Sensor(check, config.timeout) for check in self._checks]
        self._readings: dict[str, Reading] = {}
        self._streaks = Streaks()
        self._maintenance: tuple[float, bool] = (-1.0, False)

    @property
    def titles(self) -> tuple[str, ...]:
        """What the checks are called."""
        return tuple(check.title for check in self._checks)

    def look(self, main: Process | None, acted: float, now: float) -> Seen:
        """All that is due. `acted`: when we last started or stopped it, for what has no process here."""
        self._read(main, now)
        age = now - (acted if main is None else main.began)
        rules = [sensor.rule for sensor in self.sensors]
        self._streaks, holding = conditions.judge(rules, self._readings, self._streaks, main, age, now)
        alive = main is not None if self._config.findable else self._answers(holding)
        return Seen(alive, self._in_maintenance(now), holding)

    def forget(self) -> None:
        """It was started or stopped: what was read before says nothing any more."""
        self._readings.clear()

    def waits(self) -> list[float]:
        """Seconds until each check is due."""
        return [max(0.0, sensor.due - time.monotonic()) for sensor in self.sensors]

    def _answers(self, holding: tuple[Holding, ...]) -> bool:
        """Whether a daemon without a process of this host is there: none of its checks says no."""
        kinds = {check.title for check in self._config.seen_by}
        return not any(one.rule.title in kinds for one in holding)

    def _read(self, main: Process | None, now: float) -> None:
        """Ask the checks that are due; of a process that is gone there is nothing to read."""
        if main is None and self._config.findable:
            self._readings.clear()
            return
        for sensor in self.sensors:
            if time.monotonic() >= sensor.due:
                reading = sensor.read(main, now)
                sensor.due = time.monotonic() + sensor.check.every
                if reading is not None:
                    self._readings[sensor.check.title] = reading
                else:
                    self._readings.pop(sensor.check.title, None)

    def _in_maintenance(self, now: float) -> bool:
        if self._windows and not 0 <= now - self._maintenance[0] < INTERVAL:
            self._maintenance = (now, calendar.open_until(self._windows, now) is not None)
        return self._maintenance[1]
