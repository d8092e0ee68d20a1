"""Commands of `chainwarden` for hosts: run a command there, replace a daemon's configuration."""

import argparse
import json
import sys
import time
from pathlib import Path
from typing import Any

from actuator.client import ApiError, Client

REFUSED, NOT_SENT, NO_RESULT = 70, 69, 75
"""Exit statuses for what is none of the remote program (after sysexits.h): the agent says no, or a number
that is none; the command did not go out; nobody knows how it ended."""
POLL = 0.05
HOST = "among `hosts` in actuator.yml"


def remote(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the commands."""
    send = commands.add_parser(
        "send-command", help="have a host's agent run a command; its exit status becomes ours"
    )
    send.add_argument("host", metavar="HOST", help=HOST)
    send.add_argument("service", metavar="SERVICE", help="one that its agent.yml defines")
    send.add_argument("command", metavar="COMMAND", help="one of the service's")
    send.add_argument("--timeout", type=float, metavar="SECONDS", help="instead of the host's")
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
        "--timeout", type=float, default=180.0, metavar="SECONDS", help="how long it may take"
    )
    config.set_defaults(run=_send_config)


def _send_command(client: Client, arguments: argparse.Namespace) -> int:
    wish = {"host": arguments.host, "service": arguments.service, "command": arguments.command}
    if arguments.about is not None:
        wish["about"] = arguments.about
    return _follow(client, wish, arguments)


def _send_config(client: Client, arguments: argparse.Namespace) -> int:
    try:
        text = arguments.file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ApiError(f"{arguments.file}: {getattr(error, 'strerror', None) or 'no UTF-8 text'}") from None
    return _follow(client, {"host": arguments.host, "config": text}, arguments)


def _follow(client: Client, wish: dict[str, Any], arguments: argparse.Namespace) -> int:
    if arguments.timeout is not None:
        wish["timeout"] = arguments.timeout
    key = client.send_command(wish)
    while True:
        found = client.command(key)
        if found["state"] not in ("planned", "executing"):
            break
        time.sleep(POLL)
    status = exit_status(found)
    if arguments.output == "json":
        sys.stdout.write(json.dumps({**found, "exit_status": status}, ensure_ascii=False) + "\n")
    else:
        sys.stdout.write(found["output"] + ("\n" if found["output"] else ""))
        if status and (found["code"] is None or found["meaning"] is not None):
            sys.stderr.write(f"chainwarden: {found['detail']}\n")
    return status


def exit_status(found: dict[str, Any]) -> int:
    """The remote exit status, or what stands for having none."""
    code = found["code"]
    if code is None:
        return NO_RESULT if found["state"] == "unknown" else NOT_SENT
    if found["state"] == "unknown":
        return NO_RESULT
    return code if 0 <= code <= 255 else REFUSED
