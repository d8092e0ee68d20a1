"""PURE: a found line as a message quotes it: short, without credentials, JSON as its level and message."""

import json

from exporter.oracle.quote import quote

_LEFT_OUT = ("level", "ts", "msg", "caller", "logger", "version", "stacktrace")


def shown(line: bytes) -> str:
    """One line of at most 200 characters."""
    text = line.decode(errors="replace")
    if text.startswith("{"):
        try:
            found = json.loads(text)
        except ValueError:
            return quote(text)
        if isinstance(found, dict) and "msg" in found:
            rest = " ".join(f"{key}={value}" for key, value in found.items() if key not in _LEFT_OUT)
            return quote(f"[{str(found.get('level', '')).upper()}] {found['msg']} {rest}")
    return quote(text)
