"""Commands of `chainwarden` for the host itself: what an expression finds, what Monit did."""

import argparse
import json
import pwd
import sys
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from actuator.client import Client
from nodekit.bystanders import bystander
from nodekit.finding import Finding
from nodekit.processes import Process, Scanner, everything
from nodekit.procfs import uid_of

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
    monit = commands.add_parser("import-monit", help="write an agent.yml for what Monit's files say")
    monit.add_argument("files", type=Path, nargs="+", metavar="MONITRC", help="with all that it includes")
    monit.add_argument(
        "-o",
        "--to",
        dest="to",
        type=Path,
        metavar="FILE",
        help="where to write it; else it is printed",
    )
    monit.set_defaults(run=_import_monit)


def _procmatch(_client: Client, arguments: argparse.Namespace) -> int:
    wanted = {key: getattr(arguments, key) for key in ("match", "user", "cwd", "parent", "unit")}
    try:
        target = Finding.model_validate(wanted).target
    except ValidationError as error:
        for row in error.errors(include_url=False):
            sys.stderr.write(f"chainwarden: {row['loc'][-1]}: {row['msg']}\n")
        return WRONG
    scanner = Scanner({"it": target})
    found = scanner.look()["it"]
    sys.stderr.writelines(f"chainwarden: {why}\n" for why in scanner.unknown.values())
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


def _import_monit(_client: Client, arguments: argparse.Namespace) -> int:
    # The agent's whole configuration costs 0.06 s to import, which no other command needs.
    from actuator.agent.monit.files import agent_yml, imported, problems  # noqa: PLC0415 - see above

    try:
        made = imported(arguments.files)
        sys.stderr.writelines(f"{remark}\n" for remark in made.remarks)
        text = agent_yml(made, arguments.files)
        wrong = problems(text) if made.daemons else ["no `check process` is translated"]
        if arguments.to is None:
            sys.stdout.write(text if made.daemons else "")
        elif made.daemons:
            with arguments.to.open("x", encoding="utf-8") as file:
                file.write(text)
    except FileExistsError:
        wrong = [f"{arguments.to} is there already; name another file"]
    except (OSError, ValueError) as error:
        wrong = [str(error)]
    if wrong:
        sys.stderr.writelines(f"chainwarden: {line}\n" for line in wrong)
        return NONE
    lost = sum(remark.lost for remark in made.remarks)
    sys.stderr.write(f"{len(made.daemons)} daemons; {lost} statements are not translated\n")
    return FOUND


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
