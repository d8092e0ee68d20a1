"""The last door: whatever a log line is made of, no credential that this process has read stands in it.

Nothing here excuses writing one: errors name a target, not its URL. It is for what nobody thought of, above
all tracebacks of libraries.
"""

from urllib.parse import parse_qsl, urlsplit

SHORTEST = 6
"""Characters of the shortest text that is taken for a credential; shorter ones occur everywhere."""
MOST = 1000
"""Credentials that are remembered at most: rotated ones are few."""

_known: tuple[str, ...] = ()
"""Longest first: one may contain another."""


def remember(secret: str) -> None:
    """Never show this text again, nor, if it is a URL, the parts of it that may be credentials themselves.

    Two threads at once may lose what one of them adds; it comes back when that secret is read the next time.
    """
    global _known  # noqa: PLW0603 - one list a process, replaced whole
    if secret in _known or len(_known) >= MOST:
        return
    texts = {text for text in (secret, *_parts(secret)) if len(text) >= SHORTEST}
    _known = tuple(sorted({*_known, *texts}, key=len, reverse=True))


def redacted(text: str) -> str:
    """Text without any remembered credential."""
    for secret in _known:
        if secret in text:
            text = text.replace(secret, "[secret]")
    return text


def _parts(secret: str) -> list[str]:
    if "://" not in secret:
        return []
    try:
        parts = urlsplit(secret)
    except ValueError:
        return []
    path = parts.path.strip("/")
    values = [value for _, value in parse_qsl(parts.query)]
    return [path, path.rpartition("/")[2], parts.query, *values, parts.password or ""]
