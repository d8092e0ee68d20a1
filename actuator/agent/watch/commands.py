"""PURE: what may be asked of a daemon, by a message, the page or another daemon."""

MOVES = ("start", "stop", "restart")
LEAVES = {
    "unmonitor": None, "unmonitor-15m": 900.0, "unmonitor-1h": 3600.0, "unmonitor-8h": 28800.0,
    "unmonitor-1d": 86400.0,
}  # fmt: skip
"""Commands that make the watchdog leave a service alone, and for how many seconds."""
NOT_RUNNING, UNKNOWN = 3, 4
"""Exit status of `status` for a service that is stopped, or may be (Linux Standard Base, init scripts)."""


def known(*, watched: bool) -> frozenset[str]:
    """The commands that change something."""
    return frozenset({*MOVES} | ({"monitor", *LEAVES} if watched else set()))
