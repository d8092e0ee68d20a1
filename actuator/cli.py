"""`chainwarden`: the operator's tool. It asks a running actuator and prints what it says."""

import argparse
import os
import sys
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any

from actuator.agent.hostcli import on_this_host
from actuator.client import ApiError, Client
from actuator.failover.explain import day
from actuator.moving import holding, moving
from actuator.notify.cli import telling
from actuator.paper import certificate_lines, incident_line, timeline_lines
from actuator.printed import DONE, GROUP, NO, say, say_json
from actuator.remote.cli import remote

DEFAULT_URL = "http://127.0.0.1:19189"
UNREACHABLE = 2


def main(argv: list[str] | None = None) -> int:
    """Exit status 0: done; 1: refused or failed; 2: wrong usage or no actuator.

    `send-command` and `send-config` end as the program on the host did, else with 69: the command did not go
    out, 70: the agent refused it, 75: nobody knows how it ended.
    """
    arguments = command_line().parse_args(argv)
    try:
        url = arguments.url or os.environ.get("CHAINWARDEN_URL", DEFAULT_URL)
        client = Client(url, _credentials(arguments), arguments.ca_file)
        run: Callable[[Client, argparse.Namespace], int] = arguments.run
        return run(client, arguments)
    except ApiError as error:
        _say_no(error)
        return NO if error.status is not None else UNREACHABLE
    except KeyboardInterrupt:
        return UNREACHABLE


def command_line() -> argparse.ArgumentParser:
    """What may be typed."""
    parser = argparse.ArgumentParser(prog="chainwarden", description="Operate a chainwarden actuator.")
    parser.add_argument("--version", action="version", version=f"chainwarden {version('chainwarden')}")
    parser.add_argument(
        "--actuator.url", dest="url", metavar="URL",
        help=f"where the actuator listens; else $CHAINWARDEN_URL, else {DEFAULT_URL}",
    )  # fmt: skip
    parser.add_argument("--username", metavar="NAME", help="operator name, when the actuator has operators")
    parser.add_argument(
        "--password-file", type=Path, metavar="FILE", help="file with that operator's password"
    )
    parser.add_argument(
        "--ca-file", type=Path, metavar="FILE",
        help="who signed the actuator's certificate (PEM), when this machine does not know them",
    )  # fmt: skip
    parser.add_argument("-o", "--output", choices=("text", "json"), default="text", help="how to print it")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    status = commands.add_parser("status", help="groups, who produces, what is under way")
    status.set_defaults(run=_status)
    history = commands.add_parser("history", help="incidents and steps, newest first")
    history.add_argument("--limit", type=int, default=20, metavar="N", help="how many of each")
    history.set_defaults(run=_history)
    incident = commands.add_parser("incident", help="what one incident cost, with its timeline")
    incident.add_argument("group", metavar="GROUP", help=GROUP)
    incident.add_argument("number", type=int, metavar="NUMBER", help="as `history` shows it")
    incident.set_defaults(run=_incident)
    explain = commands.add_parser("explain", help="why a group would or would not act now")
    explain.add_argument("group", metavar="GROUP", help=GROUP)
    explain.set_defaults(run=_explain)
    telling(commands)
    remote(commands)
    moving(commands)
    holding(commands)
    on_this_host(commands)
    return parser


def _credentials(arguments: argparse.Namespace) -> tuple[str, str] | None:
    if arguments.username is None:
        return None
    if arguments.password_file is None:
        raise ApiError("--username needs --password-file")
    try:
        return arguments.username, arguments.password_file.read_text(encoding="utf-8").strip()
    except OSError as error:
        raise ApiError(f"--password-file {arguments.password_file}: {error.strerror}") from None


def _say_no(error: ApiError) -> None:
    sys.stderr.write(f"chainwarden: {error}\n")
    for refusal in error.refusals:
        sys.stderr.write(f"  {refusal}\n")


def _status(client: Client, arguments: argparse.Namespace) -> int:
    groups = client.status()
    if arguments.output == "json":
        return say_json(groups)
    if not groups:
        say("no groups are configured")
    for group in groups:
        say(
            f"{group['group']}: {group['phase']}, automation {group['automation']}, "
            f"holder {group['holder'] or 'unknown'}, epoch {group['epoch']}"
        )
        say(f"  {group['why'] or 'nothing to do'}")
        _table([_node_row(node) for node in group["nodes"]])
    return DONE


def _node_row(node: dict[str, Any]) -> tuple[str, ...]:
    paused = {True: "paused", False: "ACTIVE", None: "unknown"}[node["paused"]]
    ready = "ready" if not node["not_ready_because"] else node["not_ready_because"][0]
    ready = "produces for us" if node["active"] else ready
    return (f"  {node['name']}", node["reach"], paused, f"head {node['head'] or 'unknown'}", ready)


def _table(rows: list[tuple[str, ...]]) -> None:
    widths = [max(len(cell) for cell in column) for column in zip(*rows, strict=True)]
    for row in rows:
        say("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())


def _history(client: Client, arguments: argparse.Namespace) -> int:
    found = client.history(arguments.limit)
    if arguments.output == "json":
        return say_json(found)
    if not found["incidents"]:
        say("no incidents yet")
    for incident in found["incidents"]:
        say(incident_line(incident))
    if found["steps"]:
        say()
        _table(
            [
                (day(step["finished_at"] or step["planned_at"]), step["state"], step["key"], step["detail"])
                for step in found["steps"]
            ]
        )
    return DONE


def _incident(client: Client, arguments: argparse.Namespace) -> int:
    found = client.incident(arguments.group, arguments.number)
    if arguments.output == "json":
        return say_json(found)
    say(incident_line(found))
    for line in (*certificate_lines(found), *timeline_lines(found)):
        say(line)
    return DONE


def _explain(client: Client, arguments: argparse.Namespace) -> int:
    lines = client.explain(arguments.group)
    if arguments.output == "json":
        return say_json(lines)
    for line in lines:
        say(line)
    return DONE


if __name__ == "__main__":
    sys.exit(main())
