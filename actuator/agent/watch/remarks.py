"""What --config.check remarks of maintenance windows that are right but may not mean what was meant."""

from collections.abc import Mapping

from actuator.agent.watch.calendar import covered
from actuator.agent.watch.config import Daemon

WEEK = 7 * 86400.0


def of_maintenance(daemons: Mapping[str, Daemon], now: float) -> list[str]:
    """One line each."""
    said = []
    for name, daemon in daemons.items():
        windows = () if daemon.watch is None else daemon.watch.maintenance
        for place, window in enumerate(windows):
            if window.end is not None and window.end <= now:
                said.append(f"daemons.{name}.watch.maintenance[{place}]: it is over; take it out")
        if windows and covered([one.window for one in windows], now, now + WEEK):
            said.append(
                f"daemons.{name}.watch.maintenance: it is left alone for a week from now, without a break"
            )
    return said
