"""PURE: what one attempt to deliver a message came to, and what is to be done about it."""

from dataclasses import dataclass
from enum import StrEnum
from urllib.parse import urlsplit


class Outcome(StrEnum):
    """A closed set, so that it can be a metric label."""

    DELIVERED = "delivered"
    PARTIAL = "partial"
    """Delivered, but not to everybody."""
    LATER = "later"
    """Not delivered now; the channel will take it later."""
    MAYBE = "maybe"
    """It may have arrived: sent again, with a mark."""
    SIMPLER = "simpler"
    """The channel does not take this form; it goes out again as bare text."""
    REFUSED = "refused"
    """This message never will be taken; others may be."""
    BROKEN = "broken"
    """Nothing will be taken until somebody mends the configuration."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """The outcome with its reason; neither ever contains a credential."""

    outcome: Outcome
    detail: str
    wait: float = 0.0
    """Seconds that the channel asks to be left alone."""
    thread: tuple[str, str] | None = None
    """Channel and message id, where the channel gives one."""


def sendable(url: str) -> bool:
    """Whether a URL may be used: https anywhere, http on this machine only."""
    parts = urlsplit(url)
    local = parts.hostname in ("127.0.0.1", "localhost", "::1")
    return parts.scheme == "https" or (parts.scheme == "http" and local)
