"""PURE: the level of a message, as an oracle node writes it: on the console, as JSON, in its log file."""

from exporter.logs.bre import Pattern

LEVELS = ("warn", "error", "crit", "panic", "fatal")
"""Those that are counted: debug and info are most lines of a log, and no news."""


def patterns() -> list[Pattern]:
    """One for each of LEVELS: `2026-… [ERROR] …`, `{"level":"error",…`, `2026-…<tab>ERROR<tab>…`.

    The console's may be coloured.
    """
    found = []
    for level in LEVELS:
        upper = level.upper()
        console = rf"[0-9][^\[\n]{{10,70}}(?:\[[0-9;]*m)?\[{upper}\]"
        source = rf'^(?:{console}|\{{"level":"{level}"|[^\t\n]{{10,40}}\t{upper}\t)'
        found.append(Pattern(level, source.encode(), source.encode()))
    return found
