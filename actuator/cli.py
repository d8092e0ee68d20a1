"""`chainwarden`: the operator's tool. It asks a running actuator and prints what it says."""

import argparse
import json
import os
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

from pydantic_core import PydanticCustomError

from actuator.agent.hostcli import on_this_host
from actuator.client import ApiError, Client
from actuator.failover.explain import day, utc
from actuator.notify.cli import telling
from actuator.paper import certificate_lines, incident_line, timeline_lines
from actuator.remote.cli import remote
from nodekit.settings import parse_duration

DEFAULT_URL = "http://127.0.0.1:19189"
DONE, NO, UNREACHABLE = 0, 1, 2
POLL = 0.5
GROUP = "among `groups` in actuator.yml"


def main(argv: list[str] | None = None) -> int:
    """Exit status 0: done; 1: refused or failed; 2: wrong usage or no actuator.

    `send-command` and `send-config` end as the program on the host did, else with 69: the command did not go
    out, 70: the agent refused it, 75: nobody knows how it ended.
    """
    arguments = command_line().parse_args(argv)
    try:
        client = Client(
            arguments.url or os.environ.get("CHAINWARDEN_URL", DEFAULT_URL), _credentials(arguments)
        )
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
    _moving(commands)
    _holding(commands)
    on_this_host(commands)
    return parser


def _moving(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    switch = commands.add_parser("switchover", help="move production to another node, between our windows")
    switch.add_argument("group", metavar="GROUP", help=GROUP)
    switch.add_argument("--to", metavar="NODE", help="the member that shall produce")
    switch.add_argument(
        "--at", type=_moment, default=0.0, metavar="TIME",
        help="not before this time, such as 2026-12-01T03:00Z; by default the next gap between our windows",
    )  # fmt: skip
    switch.add_argument("--dry-run", action="store_true", help="print the plan and its deadlines, do nothing")
    switch.add_argument("--cancel", action="store_true", help="forget the scheduled switchover")
    switch.add_argument("--no-wait", action="store_true", help="return as soon as the request is accepted")
    switch.set_defaults(run=_switchover)


def _holding(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    hold = commands.add_parser("hold", help="keep a node, or the whole group, from being moved by automation")
    hold.add_argument("group", metavar="GROUP", help=GROUP)
    hold.add_argument("node", metavar="NODE", nargs="?", default="*", help="the whole group when left out")
    hold.add_argument(
        "--for", dest="seconds", type=_seconds, required=True, metavar="DURATION", help="such as 2h"
    )
    hold.add_argument("--reason", required=True, metavar="TEXT", help="for those who see the hold")
    hold.set_defaults(run=_hold)
    unhold = commands.add_parser("unhold", help="end a hold")
    unhold.add_argument("group", metavar="GROUP", help=GROUP)
    unhold.add_argument("node", metavar="NODE", nargs="?", default="*", help="the whole group when left out")
    unhold.set_defaults(run=_unhold)
    release = commands.add_parser("release", help="hand a latched group back to automation")
    release.add_argument("group", metavar="GROUP", help=GROUP)
    release.set_defaults(run=_release)


def _moment(text: str) -> float:
    """Unix seconds of an ISO 8601 time; one without a zone is UTC, as everything chainwarden prints."""
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is no time; write 2026-12-01T03:00Z") from None
    return (found if found.tzinfo is not None else found.replace(tzinfo=UTC)).timestamp()


def _seconds(text: str) -> float:
    try:
        return parse_duration(text)
    except PydanticCustomError as error:
        raise argparse.ArgumentTypeError(error.message()) from None


def _credentials(arguments: argparse.Namespace) -> tuple[str, str] | None:
    if arguments.username is None:
        return None
    if arguments.password_file is None:
        raise ApiError("--username needs --password-file")
    try:
        return arguments.username, arguments.password_file.read_text(encoding="utf-8").strip()
    except OSError as error:
        raise ApiError(f"--password-file {arguments.password_file}: {error.strerror}") from None


def _say(text: str = "") -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def _say_no(error: ApiError) -> None:
    sys.stderr.write(f"chainwarden: {error}\n")
    for refusal in error.refusals:
        sys.stderr.write(f"  {refusal}\n")


def _json(value: object) -> int:
    _say(json.dumps(value, indent=2, ensure_ascii=False))
    return DONE


def _status(client: Client, arguments: argparse.Namespace) -> int:
    groups = client.status()
    if arguments.output == "json":
        return _json(groups)
    if not groups:
        _say("no groups are configured")
    for group in groups:
        _say(
            f"{group['group']}: {group['phase']}, automation {group['automation']}, "
            f"holder {group['holder'] or 'unknown'}, epoch {group['epoch']}"
        )
        _say(f"  {group['why'] or 'nothing to do'}")
        _table([_node_row(node) for node in group["nodes"]])
    return DONE


def _node_row(node: dict[str, Any]) -> tuple[str, ...]:
    paused = {True: "paused", False: "ACTIVE", None: "unknown"}[node["paused"]]
    ready = "ready" if not node["not_ready_because"] else node["not_ready_because"][0]
    return (f"  {node['name']}", node["reach"], paused, f"head {node['head'] or 'unknown'}", ready)


def _table(rows: list[tuple[str, ...]]) -> None:
    widths = [max(len(cell) for cell in column) for column in zip(*rows, strict=True)]
    for row in rows:
        _say("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())


def _history(client: Client, arguments: argparse.Namespace) -> int:
    found = client.history(arguments.limit)
    if arguments.output == "json":
        return _json(found)
    for incident in found["incidents"]:
        _say(incident_line(incident))
    if found["steps"]:
        _say()
        _table(
            [
                (utc(step["finished_at"] or step["planned_at"]), step["state"], step["key"], step["detail"])
                for step in found["steps"]
            ]
        )
    return DONE


def _incident(client: Client, arguments: argparse.Namespace) -> int:
    found = client.incident(arguments.group, arguments.number)
    if arguments.output == "json":
        return _json(found)
    _say(incident_line(found))
    for line in (*certificate_lines(found), *timeline_lines(found)):
        _say(line)
    return DONE


def _explain(client: Client, arguments: argparse.Namespace) -> int:
    lines = client.explain(arguments.group)
    if arguments.output == "json":
        return _json(lines)
    for line in lines:
        _say(line)
    return DONE


def _release(client: Client, arguments: argparse.Namespace) -> int:
    client.release(arguments.group)
    _say(f"{arguments.group}: released; it observes a full round before it acts")
    return DONE


def _hold(client: Client, arguments: argparse.Namespace) -> int:
    client.hold(arguments.group, arguments.node, arguments.seconds, arguments.reason)
    what = "automation" if arguments.node == "*" else arguments.node
    _say(f"{arguments.group}: {what} is held until {day(time.time() + arguments.seconds)}")
    return DONE


def _unhold(client: Client, arguments: argparse.Namespace) -> int:
    client.unhold(arguments.group, arguments.node)
    _say(f"{arguments.group}: the hold on {'automation' if arguments.node == '*' else arguments.node} ended")
    return DONE


def _switchover(client: Client, arguments: argparse.Namespace) -> int:
    if arguments.cancel:
        client.unschedule(arguments.group)
        _say(f"{arguments.group}: nothing is scheduled")
        return DONE
    if arguments.to is None:
        raise ApiError("switchover needs --to NODE, or --cancel")
    if arguments.dry_run:
        for line in client.dry_run(arguments.group, arguments.to, arguments.at):
            _say(line)
        return DONE
    epoch = client.switchover(arguments.group, arguments.to, arguments.at)
    quiet = arguments.output == "json"
    if arguments.at > time.time():
        _say(f"{arguments.group}: switchover to {arguments.to} in the first gap after {day(arguments.at)}")
        return DONE
    if not quiet:
        _say(f"{arguments.group}: switchover #{epoch} to {arguments.to} accepted")
    if arguments.no_wait:
        return _json({"epoch": epoch}) if quiet else DONE
    incident = _follow(client, arguments.group, epoch, quiet=quiet)
    if quiet:
        _json(incident)
    else:
        for line in certificate_lines(incident):
            _say(line)
    return DONE if incident["outcome"] == "verified" else NO


def _follow(client: Client, group: str, epoch: int, *, quiet: bool) -> dict[str, Any]:
    """Print what the group does until the incident ends."""
    shown = ""
    while True:
        incident = client.incident(group, epoch)
        if incident["ended_at"] is not None:
            return incident
        now = client.group(group)
        line = f"{now['phase']}: {now['why']}"
        if not quiet and now["phase"] != shown:
            _say(f"{utc(now['at'])}  {line}")
            shown = now["phase"]
        time.sleep(POLL)


if __name__ == "__main__":
    sys.exit(main())
