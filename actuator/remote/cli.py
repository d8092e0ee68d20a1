"""Commands of `chainwarden` for hosts: run a command there, replace a daemon's configuration."""

import argparse
import json
import sys
import time
from pathlib import Path
from typing import Any

from actuator.client import ApiError, Client
from actuator.printed import duration

REFUSED, NOT_SENT, NO_RESULT = 70, 69, 75
"""Exit statuses for what is none of the remote program (after sysexits.h): the agent says no, or a number
that is none; the command did not go out; nobody knows how it ended."""
OURS = 0x1000
"""The first of the codes that no program ends with."""
POLL = 0.05
SILENCE = 30.0
"""Seconds that the actuator may be away, for a restart, while a command is followed that it accepted."""
LATER = "`chainwarden history` shows how it ended"
HOST = "among `hosts` in actuator.yml"


def remote(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the commands."""
    send = commands.add_parser(
        "send-command", help="have a host's agent run a command; its exit status becomes ours"
    )
    send.add_argument("host", metavar="HOST", help=HOST)
    send.add_argument("service", metavar="SERVICE", help="one that its agent.yml defines")
    send.add_argument("command", metavar="COMMAND", help="one of the service's")
    send.add_argument(
        "--timeout", type=_seconds, metavar="DURATION", help="such as 90s, instead of the host's"
    )
    send.add_argument(
        "--about",
        type=int,
        metavar="TASK_ID",
        help="for `agent output`: the command whose whole output is wanted",
    )
    send.set_defaults(run=_send_command)
    config = commands.add_parser("send-config", help="replace a daemon's configuration on a host")
    config.add_argument("host", metavar="HOST", help=HOST)
    config.add_argument("file", type=Path, metavar="FILE", help="the new configuration")
    config.add_argument(
        "--timeout", type=_seconds, default=180.0, metavar="DURATION", help="how long it may take; else 3m"
    )
    config.set_defaults(run=_send_config)


def _seconds(text: str) -> float:
    """A number alone is seconds."""
    return float(text) if text.replace(".", "", 1).isdigit() else duration(text)


def _send_command(client: Client, arguments: argparse.Namespace) -> int:
    wish = {"host": arguments.host, "service": arguments.service, "command": arguments.command}
    if arguments.about is not None:
        wish["about"] = arguments.about
    return _follow(client, wish, arguments)


def _send_config(client: Client, arguments: argparse.Namespace) -> int:
    try:
        text = arguments.file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        return _not_sent(f"{arguments.file}: {getattr(error, 'strerror', None) or 'no UTF-8 text'}")
    return _follow(client, {"host": arguments.host, "config": text}, arguments)


def _follow(client: Client, wish: dict[str, Any], arguments: argparse.Namespace) -> int:
    if arguments.timeout is not None:
        wish["timeout"] = arguments.timeout
    try:
        key = client.send_command(wish)
    except ApiError as error:
        if error.status is None and error.arrived:
            return _unknown(f"{error}; whether the command was accepted is not known")
        return _not_sent(str(error))
    try:
        found = _ended(client, key)
    except ApiError as error:
        return _unknown(f"{error}; the command was accepted")
    _tell(found, arguments.output)
    return exit_status(found)


def _ended(client: Client, key: str) -> dict[str, Any]:
    """What became of it. Raises ApiError when the actuator says no, or is away for too long."""
    answered = time.monotonic()
    while True:
        try:
            found = client.command(key)
            answered = time.monotonic()
            if found["state"] not in ("planned", "executing"):
                return found
        except ApiError as error:
            if error.status is not None or time.monotonic() - answered > SILENCE:
                raise
        time.sleep(POLL)


def _tell(found: dict[str, Any], form: str) -> None:
    status, output = exit_status(found), str(found["output"])
    if form == "json":
        sys.stdout.write(json.dumps({**found, "exit_status": status}, ensure_ascii=False) + "\n")
        return
    sys.stdout.write(output + ("\n" if output else ""))
    if status and found["code"] is None:
        late = f"; {LATER}" if found["state"] == "unknown" else ""
        sys.stderr.write(f"chainwarden: {found['detail']}{late}\n")
    elif status and found["meaning"] is not None:  # the output is what was said of it: not twice
        number = str(found["code"]) if found["code"] < OURS else f"0x{found['code']:04x}"
        sys.stderr.write(f"chainwarden: {found['meaning']} (code {number})\n")


def _not_sent(why: str) -> int:
    sys.stderr.write(f"chainwarden: not sent: {why}\n")
    return NOT_SENT


def _unknown(why: str) -> int:
    sys.stderr.write(f"chainwarden: {why}; {LATER}\n")
    return NO_RESULT


def exit_status(found: dict[str, Any]) -> int:
    """The remote exit status, or what stands for having none."""
    code = found["code"]
    if code is None:
        return NO_RESULT if found["state"] == "unknown" else NOT_SENT
    if found["state"] == "unknown":
        return NO_RESULT
    return code if 0 <= code <= 255 else REFUSED
