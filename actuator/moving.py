"""Commands of `chainwarden` that move production or keep automation from moving it."""

import argparse
import sys
import time
from datetime import UTC, datetime
from typing import Any

from actuator.client import ApiError, Client
from actuator.failover.explain import day, utc
from actuator.paper import certificate_lines
from actuator.printed import DONE, GROUP, NO, duration, say, say_json, say_lines
from actuator.wishes import in_the_past

POLL = 0.5
NEXT_GAP = "next-gap"


def moving(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add `switchover`."""
    switch = commands.add_parser("switchover", help="move production to another node, between our windows")
    switch.add_argument("group", metavar="GROUP", help=GROUP)
    switch.add_argument("--to", metavar="NODE", help="the member that shall produce")
    switch.add_argument(
        "--at", type=_moment, default=0.0, metavar="TIME",
        help=f"not before this time, such as 2026-12-01T03:00Z; {NEXT_GAP}, the default: the next gap "
        "between our windows",
    )  # fmt: skip
    switch.add_argument("--dry-run", action="store_true", help="print the plan and its deadlines, do nothing")
    switch.add_argument("--cancel", action="store_true", help="forget the scheduled switchover")
    switch.add_argument("--no-wait", action="store_true", help="return as soon as the request is accepted")
    switch.set_defaults(run=_switchover)


def holding(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add `hold`, `unhold` and `release`."""
    hold = commands.add_parser(
        "hold", help="keep a node from being resumed, or automation from doing anything"
    )
    hold.add_argument("group", metavar="GROUP", help=GROUP)
    hold.add_argument("node", metavar="NODE", nargs="?", default="*", help="the whole group when left out")
    hold.add_argument(
        "--for", dest="seconds", type=duration, required=True, metavar="DURATION", help="such as 2h"
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
    if text == NEXT_GAP:
        return 0.0
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is no time; write 2026-12-01T03:00Z") from None
    moment = (found if found.tzinfo is not None else found.replace(tzinfo=UTC)).timestamp()
    if in_the_past(moment, time.time()):
        raise argparse.ArgumentTypeError(f"{day(moment)} is in the past; for the next gap leave --at out")
    return moment


def _release(client: Client, arguments: argparse.Namespace) -> int:
    client.release(arguments.group)
    say(f"{arguments.group}: released; it observes a full round before it acts")
    return DONE


def _hold(client: Client, arguments: argparse.Namespace) -> int:
    client.hold(arguments.group, arguments.node, arguments.seconds, arguments.reason)
    what = "automation does nothing" if arguments.node == "*" else f"{arguments.node} is not resumed"
    say(f"{arguments.group}: {what} until {day(time.time() + arguments.seconds)}")
    return DONE


def _unhold(client: Client, arguments: argparse.Namespace) -> int:
    client.unhold(arguments.group, arguments.node)
    say(f"{arguments.group}: the hold on {'automation' if arguments.node == '*' else arguments.node} ended")
    return DONE


def _switchover(client: Client, arguments: argparse.Namespace) -> int:
    if arguments.cancel:
        client.unschedule(arguments.group)
        say(f"{arguments.group}: nothing is scheduled")
        return DONE
    if arguments.to is None:
        raise ApiError("switchover needs --to NODE, or --cancel")
    quiet = arguments.output == "json"
    if arguments.dry_run:
        lines = client.dry_run(arguments.group, arguments.to, arguments.at)
        return say_json(lines) if quiet else say_lines(lines)
    epoch = client.switchover(arguments.group, arguments.to, arguments.at)
    if arguments.at > time.time():
        say(f"{arguments.group}: switchover to {arguments.to} in the first gap after {day(arguments.at)}")
        return DONE
    if not quiet:
        say(f"{arguments.group}: switchover #{epoch} to {arguments.to} accepted")
    if arguments.no_wait:
        return say_json({"epoch": epoch}) if quiet else DONE
    return _watched(client, arguments.group, epoch, quiet=quiet)


def _watched(client: Client, group: str, epoch: int, *, quiet: bool) -> int:
    """Follow it to its end; who stops to look has to know that it goes on."""
    try:
        incident = _follow(client, group, epoch, quiet=quiet)
    except (ApiError, KeyboardInterrupt):
        sys.stderr.write(
            f"chainwarden: switchover #{epoch} is not watched any more, the actuator goes on with it; see "
            f"`chainwarden incident {group} {epoch}`\n"
        )
        raise
    if quiet:
        say_json(incident)
    else:
        say_lines(certificate_lines(incident))
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
            say(f"{utc(now['at'])}  {line}")
            shown = now["phase"]
        time.sleep(POLL)
