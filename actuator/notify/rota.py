"""PURE: who is called by a message."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

from actuator.configs.sinks import Rota

ONCALL = "oncall"


def on_call(rota: Rota, now: float) -> str:
    """The member whose turn it is; before the first turn the first one.

    A turn is a length of time, not of wall clock: when summer time begins, a weekly change moves an hour.
    """
    start: datetime = rota.start
    begun = start if start.tzinfo is not None else start.replace(tzinfo=rota.timezone)
    turns = int(max(0.0, now - begun.astimezone(UTC).timestamp()) // rota.turn)
    return rota.members[turns % len(rota.members)]


def called(
    mention: Mapping[str, Sequence[str]], rota: Rota | None, severity: str, now: float
) -> tuple[str, ...]:
    """Who is called for a severity; `*` holds for each that has no line of its own."""
    if not severity:
        return ()
    names = mention.get(severity, mention.get("*", ()))
    found = [on_call(rota, now) if name == ONCALL and rota is not None else name for name in names]
    return tuple(dict.fromkeys(found))
