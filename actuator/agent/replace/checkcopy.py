"""PURE: a collectd configuration that can be tried beside the running daemon.

`collectd -T` initialises all plugins: it binds their ports, writes to their logs and opens their sockets. In
the copy these are elsewhere; everything else is as written, so that what is wrong in it is still found.
"""

import re
from collections.abc import Callable

BLOCK = re.compile(r"^\s*<\s*(/?)\s*Plugin\s*\"?([A-Za-z_0-9]*)\"?\s*>", re.IGNORECASE)
OPTION = re.compile(r"^(\s*)([A-Za-z]+)(\s+)(.*?)\s*$")
PLACES = {
    ("logfile", "file"), ("log_logstash", "file"), ("csv", "datadir"), ("rrdtool", "datadir"),
    ("unixsock", "socketfile"), ("email", "socketfile"),
}  # fmt: skip
"""Options that name a file or folder which the daemon writes."""
STREAMS = frozenset({"stdout", "stderr", "-"})
GLOBAL = frozenset({"pidfile", "basedir"})


def redirected(text: str, folder: str, free_port: Callable[[], int]) -> str:
    """The copy: files below `folder`, and ports that `free_port` gives."""
    if not text.strip():
        return text  # empty is wrong: what we add must not make it right
    plugin, lines = "", []
    for line in text.splitlines():
        block = BLOCK.match(line)
        if block is not None:
            plugin = "" if block[1] else block[2].lower()
        lines.append(_line(line, plugin, folder, free_port))
    return "\n".join([*lines, f'PIDFile "{folder}/pid"', ""])


def _line(line: str, plugin: str, folder: str, free_port: Callable[[], int]) -> str:
    option = OPTION.match(line)
    if option is None:
        return line
    indent, name, value = option[1], option[2], option[4].strip('"')
    key = name.lower()
    if not plugin and key in GLOBAL:
        return f'{indent}{name} "{folder}/{key}"'
    if (plugin, key) in PLACES and value not in STREAMS:
        return f'{indent}{name} "{folder}/{plugin}"'
    if plugin == "write_prometheus" and key == "port" and value.isdigit():
        return f'{indent}{name} "{free_port()}"'
    if plugin == "network" and key == "listen":
        return f'{indent}Listen "127.0.0.1" "{free_port()}"'
    return line
