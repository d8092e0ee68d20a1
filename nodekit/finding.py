"""How config files say what a service's processes look like, and what --config.check remarks about that."""

import os
import pwd
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator
from pydantic_core import PydanticCustomError

from nodekit.bystanders import bystander
from nodekit.processes import Process, Scanner, Target, everything
from nodekit.regex import Regex
from nodekit.settings import Settings

MANY = 0.5
"""Part of all processes; an expression that matches more is no description of a service."""


def _expression(text: str) -> str:
    try:
        regex = Regex(text)
    except ValueError as error:
        raise PydanticCustomError("match", "no regular expression: {why}", {"why": str(error)}) from None
    if regex.found_in(""):
        raise PydanticCustomError(
            "match", "matches everything, also the empty text; write what the line contains"
        )
    return text


def _user(text: str) -> str:
    try:
        pwd.getpwnam(text)
    except KeyError:
        raise PydanticCustomError("user", "there is no user {name} here", {"name": text}) from None
    return text


def _unit(text: str) -> str:
    if "/" in text or not text:
        raise PydanticCustomError("unit", "write a unit such as nginx.service")
    return text if text.endswith((".service", ".scope", ".slice")) else f"{text}.service"


Expression = Annotated[str, AfterValidator(_expression)]
"""A regular expression (docs/services.md) that does not match everything."""
User = Annotated[str, AfterValidator(_user)]
"""The name of a user of this host."""


Unit = Annotated[str, AfterValidator(_unit)]
"""A systemd unit; `.service` may be left out."""


class Finding(Settings):
    """What a service's processes look like; all that is written must hold."""

    pid_file: Path | None = None
    """The file in which the daemon writes its process id."""
    match: Expression | None = None
    """Regular expression over the command line."""
    user: User | None = None
    """Who it runs as."""
    cwd: Path | None = None
    """Its working folder."""
    parent: Expression | None = None
    """Regular expression over the command line of its parent."""
    unit: Unit | None = None
    """The systemd unit in whose control group it is."""

    @property
    def findable(self) -> bool:
        """Whether enough is written to find anything."""
        return self.pid_file is not None or self.match is not None or self.unit is not None

    @property
    def target(self) -> Target:
        """What to look for."""
        return Target(
            pid_file=self.pid_file,
            match=None if self.match is None else Regex(self.match),
            user=None if self.user is None else pwd.getpwnam(self.user).pw_uid,
            cwd=None if self.cwd is None else os.path.realpath(self.cwd),
            parent=None if self.parent is None else Regex(self.parent),
            unit=self.unit,
        )


def remarks(targets: Mapping[str, Target]) -> list[str]:
    """What an operator should know of expressions that are right but may not mean what was meant.

    It depends on what runs now, so it makes no configuration wrong.
    """
    scanner = Scanner(targets)
    found, processes = scanner.look(), everything()
    said = []
    for name, target in targets.items():
        matching = [one for one in processes if target.match and target.match.found_in(" ".join(one.words))]
        if any(one.pid == os.getpid() for one in matching):
            said.append(f"{name}: `match` fits this program's own command line too; we are left out")
        if len(matching) > MANY * len(processes):
            said.append(
                f"{name}: `match` fits {len(matching)} of {len(processes)} processes; write more of the line"
            )
        elif name in scanner.unknown:
            said.append(f"{name}: {scanner.unknown[name]}")
        elif not found[name]:
            file = target.pid_file
            why = _left_out(target, matching) if file is None else _named(file, processes)
            said.append(f"{name}: no process is found now{why}")
    return said


def _left_out(target: Target, matching: Sequence[Process]) -> str:
    """Why what matches is not found."""
    words = {bystander(one.words) for one in matching if one.pid != os.getpid()}
    programs = sorted(word for word in words if word is not None)
    if programs:
        return f"; `match` fits {', '.join(programs)}, which only name a service, unless `match` names them"
    if words:
        return "; `match` fits, but another condition does not hold"
    return "" if target.match is None else "; try `chainwarden procmatch`"


def _named(file: Path, processes: Sequence[Process]) -> str:
    """What a pid file says, which names no process of the service."""
    try:
        pid = int(file.read_bytes()[:64].split()[0])
    except OSError as error:
        return f"; {file}: {error.strerror}"
    except (ValueError, IndexError):
        return f"; {file} holds no process id"
    there = any(one.pid == pid for one in processes)
    return f"; pid {pid} in {file} is {'another process' if there else 'gone'}"
