"""PURE: whether a command that was never seen before is obeyed."""

from collections.abc import Mapping
from dataclasses import dataclass

from actuator.remote.wire import EXPIRED, NOT_TRUSTED, OTHER_HOST, RETAINED, Command, signed


@dataclass(frozen=True, slots=True)
class Rules:
    """What the config demands of a command."""

    host: str | None
    """Who we are; None: commands for any host are ours, if they come over our topic."""
    keys: Mapping[str, str]
    """Sender → the key that it signs with; when there is any, only these are obeyed."""
    require_expiry: bool = False
    require_host: bool = False


def refusal(command: Command, rules: Rules, now: float, *, retained: bool) -> tuple[int, str] | None:
    """Code and reason of a *no*; None when the command is obeyed."""
    if rules.keys:
        sender = command.members.get("sender")
        key = rules.keys.get(sender) if isinstance(sender, str) else None
        if key is None:
            return NOT_TRUSTED, f"sender {sender!r} is not among the agent's senders"
        if not signed(command.members, key):
            return NOT_TRUSTED, f"the signature is not that of {sender}"
    if retained:
        return RETAINED, "the broker had kept this message (retain): send it without"
    if command.host is None and rules.require_host:
        return OTHER_HOST, "the agent obeys only commands that name their host"
    if None not in (command.host, rules.host) and command.host != rules.host:
        return (
            OTHER_HOST,
            f"it is for {command.host}, this is {rules.host}: both sides must name a host alike",
        )
    if command.expires_at is None and rules.require_expiry:
        return EXPIRED, "the agent obeys only commands that say when they expire"
    if command.expires_at is not None and now > command.expires_at:
        return EXPIRED, f"it expired {now - command.expires_at:.0f} s before it arrived or could begin"
    return None
