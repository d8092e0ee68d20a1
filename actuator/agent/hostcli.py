"""Commands of `chainwarden` that need no actuator: what a regular expression finds on this host."""

import argparse
import json
import pwd
import sys
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

from pydantic import ValidationError

from actuator.client import Client
from nodekit.finding import Finding
from nodekit.processes import Process, Scanner, bystander, everything, uid_of

FOUND, NONE, WRONG = 0, 1, 2
SHOWN = 160
"""Characters of a command line that are shown."""


def on_this_host(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the commands."""
    match = commands.add_parser(
        "procmatch", help="which processes of this host a service's `match` finds, as agent and exporter do"
    )
    match.add_argument("match", metavar="REGEX", help="over the command line")
    match.add_argument("--user", metavar="NAME", help="only those that run as this user")
    match.add_argument("--cwd", metavar="FOLDER", help="only those whose working folder it is")
    match.add_argument("--parent", metavar="REGEX", help="only those whose parent's command line it fits")
    match.add_argument("--unit", metavar="UNIT", help="only those of this systemd unit")
    match.set_defaults(run=_procmatch)


def _procmatch(_client: Client, arguments: argparse.Namespace) -> int:
    wanted = {key: getattr(arguments, key) for key in ("match", "user", "cwd", "parent", "unit")}
    try:
        target = Finding.model_validate(wanted).target
    except ValidationError as error:
        for row in error.errors(include_url=False):
            sys.stderr.write(f"chainwarden: {row['loc'][-1]}: {row['msg']}\n")
        return WRONG
    found = Scanner({"it": target}).look()["it"]
    besides = [
        process
        for process in everything()
        if target.match and target.match.found_in(" ".join(process.words)) and process not in found
    ]
    if arguments.output == "json":
        rows = [{**_row(one), "main": one is found[0]} for one in found]
        sys.stdout.write(json.dumps(rows, indent=2, ensure_ascii=False) + "\n")
    else:
        sys.stdout.writelines(f"{line}\n" for line in _lines(found, besides))
    return FOUND if found else NONE


def _lines(found: Iterable[Process], besides: Iterable[Process]) -> Iterable[str]:
    rows = [("*" if number == 0 else " ", one, "") for number, one in enumerate(found)]
    count = len(rows)
    rows += [("-", one, _why(one)) for one in besides]
    if rows:
        yield f"  {'PID':>7} {'PARENT':>7} {'USER':<12} {'SINCE':<20} COMMAND"
    for mark, process, why in rows:
        row = _row(process)
        line = f"{mark} {row['pid']:>7} {row['parent']:>7} {row['user']:<12} {row['since']:<20} "
        yield line + (f"[{why}] " if why else "") + row["command"][:SHOWN]
    yield f"{count} found{', the main one is marked *' if count else ''}; {len(rows) - count} left out (-)"


def _why(process: Process) -> str:
    program = bystander(process.words)
    return f"{program} only names it" if program is not None else "another condition does not hold"


def _row(process: Process) -> dict[str, Any]:
    uid = uid_of(process.pid)
    try:
        user = "?" if uid is None else pwd.getpwuid(uid).pw_name
    except KeyError:
        user = str(uid)
    return {
        "pid": process.pid,
        "parent": process.parent,
        "user": user,
        "since": f"{datetime.fromtimestamp(process.began, UTC):%Y-%m-%dT%H:%M:%SZ}",
        "command": " ".join(process.words),
    }
