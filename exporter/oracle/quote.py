"""PURE: an error's text as others may see it: one line, short, without what may be a credential."""

import re
from functools import lru_cache

LENGTH = 200
KEPT = 4096
"""Texts whose quotes are kept: a job's newest error is the same at every poll."""
_URL = re.compile(r"\b([a-z][a-z0-9+.-]*://)(?:[^\s/@\"']*@)?([^\s/?#\"'<>]+)[^\s\"'<>]*", re.IGNORECASE)
_NAMED = re.compile(
    r"(?i)\b((?:[\w-]*(?:api[-_]?key|apikey|token|secret|passw(?:or)?d|authorization|credential)[\w-]*)"
    r"[\"']?\s*[:=]\s*(?:bearer\s+|basic\s+)?)([\"']?)[^\s\"',;&]+"
)
_BEARER = re.compile(r"(?i)\b(bearer|basic)\s+[\w.~+/=-]{8,}")
_LONG = re.compile(r"\b(?:0x)?[0-9a-fA-F]{64,}\b")


@lru_cache(KEPT)
def quote(text: str) -> str:
    """At most LENGTH characters; addresses of servers lose their path and query, keys their value."""
    text = _URL.sub(r"\1\2", text)
    text = _NAMED.sub(r"\1\2***", text)
    text = _BEARER.sub(r"\1 ***", text)
    text = _LONG.sub(lambda found: found[0][:10] + "…", text)
    line = " ".join("".join(sign if sign.isprintable() else " " for sign in text).split())
    return line if len(line) <= LENGTH else line[: LENGTH - 1] + "…"
