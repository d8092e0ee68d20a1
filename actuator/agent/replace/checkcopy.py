"""PURE: a collectd configuration that can be tried beside the running daemon.

`collectd -T` initialises all plugins: it binds their ports, writes to their logs and opens their sockets. In
the copy these are elsewhere; everything else is as written, so that what is wrong in it is still found. A
port that the running daemon does not listen on stays as well: another program may have it.
"""

import re
from collections.abc import Callable, Iterator

BLOCK = re.compile(r"^\s*<\s*(/?)\s*Plugin\s*\"?([A-Za-z_0-9]*)\"?\s*>", re.IGNORECASE)
OPTION = re.compile(r"^(\s*)([A-Za-z]+)(\s+)(.*?)\s*$")
PLACES = {
    ("log_logstash", "file"), ("csv", "datadir"), ("rrdtool", "datadir"),
    ("unixsock", "socketfile"), ("email", "socketfile"),
}  # fmt: skip
"""Options that name a file or folder which the daemon writes."""
STREAMS = frozenset({"stdout", "stderr", "-"})
GLOBAL = frozenset({"pidfile", "basedir"})
LISTENS = frozenset({("write_prometheus", "port"), ("network", "listen")})
BUSY = "Address already in use"
"""Said in the check's output: `network` goes on without its socket, and the check ends with 0."""

Spot = tuple[str, str, str]
"""Plugin, option, value; the first two in small letters."""


def redirected(text: str, current: str, folder: str, free_port: Callable[[], int]) -> str:
    """The copy: files below `folder`, and other ports than those of the `current` configuration."""
    if not text.strip():
        return text  # empty is wrong: what we add must not make it right
    ours = {spot for _, spot in _spots(current) if spot and spot[:2] in LISTENS}
    lines = [_line(line, spot, ours, folder, free_port) if spot else line for line, spot in _spots(text)]
    return "\n".join([*lines, f'PIDFile "{folder}/pid"', ""])


def _spots(text: str) -> Iterator[tuple[str, Spot | None]]:
    """Each line, and the option that it sets."""
    plugin = ""
    for line in text.splitlines():
        block, option = BLOCK.match(line), OPTION.match(line)
        if block is not None:
            plugin = "" if block[1] else block[2].lower()
        yield line, (plugin, option[2].lower(), option[4].strip('"')) if option else None


def _line(line: str, spot: Spot, ours: set[Spot], folder: str, free_port: Callable[[], int]) -> str:
    plugin, key, value = spot
    start = OPTION.sub(r"\1\2", line)
    if not plugin and key in GLOBAL:
        return f'{start} "{folder}/{key}"'
    if plugin == "logfile" and key == "file":
        return f"{start} STDERR"  # the check's output: what is wrong is told there
    if (plugin, key) in PLACES and value not in STREAMS:
        return f'{start} "{folder}/{plugin}"'
    if spot not in ours:
        return line
    return f'{start} "{free_port()}"' if key == "port" else f'{start} "127.0.0.1" "{free_port()}"'
