"""PURE: what Monit's statements are in agent.yml, and what each of them is not."""

import re
import shlex
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from actuator.agent.monit.conditions import condition
from actuator.agent.monit.statements import PROGRAMS, Statement
from nodekit.regex import Regex

CYCLE = 30.0
"""Seconds of a cycle when `set daemon` does not say."""
UNITS = {"second": 1, "minute": 60, "hour": 3600}
PROGRAM = re.compile(
    r"(?P<which>start|stop|restart) (?P<line>\S+)(?: uid (?P<uid>\S+))?(?: gid (?P<gid>\S+))?"
    r"(?: timeout (?P<timeout>\d+) (?P<unit>second|minute|hour)s?)?"
)
CHECK = re.compile(r"check process (?P<name>\S+) (?P<how>pidfile|matching|match) (?P<what>\S+)")
RESTARTS = re.compile(r"if (?P<count>\d+) restarts? (?P<cycles>\d+) cycles? then (?P<then>\w+).*")
EXISTS = re.compile(r"if (?:does )?not exist(?: (?P<cycles>\d+) cycles?)? then (?P<then>\w+).*")
NEEDLESS = {
    "set daemon": "a death is seen at once, not in cycles; it gives the length of `cycles` below",
    "set log": "the agent writes to standard error, which systemd keeps",
    "set pidfile": "systemd, not a pid file, knows the agent", "set idfile": "", "set statefile": "",
    "set onreboot": "the agent remembers what it was told to leave alone, and starts the rest",
    "onreboot": "the agent remembers what it was told to leave alone, and starts the rest",
    "group": "commands name one service", "every": "it is watched all the time",
}  # fmt: skip
"""Statements that need nothing in their place; the others that are not translated are a loss."""
ELSEWHERE = {
    "set httpd": "write `listen` and, for the buttons of the agent's page, `operators`",
    "set mailserver": "messages are the actuator's: `sinks` in actuator.yml",
    "set mail-format": "messages are the actuator's: `sinks` in actuator.yml",
    "set alert": "messages are the actuator's: `sinks`, `playbook` in actuator.yml",
    "set eventqueue": "the actuator's ledger keeps messages until they are sent",
    "set mmonit": "Prometheus collects from all hosts",
    "set limits": "write `timeout` at the daemon",
    "alert": "messages are the actuator's: `sinks`, `playbook` in actuator.yml",
    "noalert": "messages are the actuator's: `sinks`, `playbook` in actuator.yml",
    "not": "write `maintenance` under `watch`, in UTC",
}


@dataclass(frozen=True, slots=True)
class Remark:
    """What became of a statement, other than a plain translation."""

    file: str
    line: int
    text: str
    lost: bool = False
    """Whether something that Monit did is not done any more."""

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {'NOT TRANSLATED: ' if self.lost else ''}{self.text}"


@dataclass(slots=True)
class Translation:
    """Daemons of agent.yml, and remarks; grows statement by statement."""

    cycle: float = CYCLE
    daemons: dict[str, dict[str, Any]] = field(default_factory=dict)
    remarks: list[Remark] = field(default_factory=list)
    places: dict[str, Statement] = field(default_factory=dict)
    """Daemon → its `check`."""

    def lost(self, statement: Statement, why: str) -> None:
        """Say what is not translated."""
        shown = " ".join(statement.words[: 2 if statement.kind == "set" else 12])
        self.remarks.append(Remark(statement.file, statement.line, f"`{shown}`: {why}", lost=True))

    def note(self, statement: Statement, why: str) -> None:
        """Say what is translated into something else."""
        self.remarks.append(Remark(statement.file, statement.line, why))


def translate(found: Iterable[Statement], cores: int) -> Translation:
    """Everything. `cores`: Monit's percent of CPU are of all of them."""
    said = list(found)
    made = Translation()
    for statement in said:
        seconds = re.match(r"set daemon (\d+)", statement.plain)
        made.cycle = float(seconds[1]) if seconds else made.cycle
    here: str | None = None
    for statement in said:
        if statement.kind == "check":
            here = _check(made, statement)
        elif statement.kind in ("set", "include"):
            here = None
            _besides(made, statement)
        elif here is not None:
            _inside(made, made.daemons[here], statement, cores)
        else:
            made.lost(statement, "it belongs to a check that is not translated")
    return _finished(made)


def _check(made: Translation, statement: Statement) -> str | None:
    """Begin a daemon; its name, None when agent.yml has nothing of the kind."""
    seen = CHECK.fullmatch(statement.plain)
    if seen is None:
        kind = statement.plain.split()[1] if " " in statement.plain else "?"
        made.lost(
            statement,
            f"the agent watches processes; a check of a {kind} belongs to exporter.yml or another exporter",
        )
        return None
    named = statement.text_of(seen["name"])
    name = re.sub(r"[^A-Za-z0-9_.-]", "-", named)[:64]
    if name != named:
        made.note(statement, f"{named} is called {name} now")
    if name in made.daemons:
        made.lost(statement, f"there is a daemon {name} already")
        return None
    what = statement.text_of(seen["what"])
    if seen["how"] != "pidfile":
        try:
            Regex(what)
        except ValueError as error:
            made.lost(statement, f"this regular expression: {error}")
            return None
    made.daemons[name] = {"pid_file" if seen["how"] == "pidfile" else "match": what, "watch": {}}
    made.places[name] = statement
    return name


def _besides(made: Translation, statement: Statement) -> None:
    """What stands outside of checks."""
    key = " ".join(statement.plain.split()[:2])
    if key in NEEDLESS or statement.kind == "include":
        if NEEDLESS.get(key):
            made.note(statement, f"`{key}` is not needed: {NEEDLESS[key]}")
    else:
        made.lost(statement, ELSEWHERE.get(key, "nothing of the kind"))


def _inside(made: Translation, daemon: dict[str, Any], statement: Statement, cores: int) -> None:
    """One statement of a `check process`."""
    if statement.kind in PROGRAMS:
        _program(made, daemon, statement)
    elif statement.kind == "depends":
        names = re.sub(r"[(),]", " ", " ".join(statement.words[1:])).split()
        daemon["depends_on"] = [re.sub(r"[^A-Za-z0-9_.-]", "-", one) for one in names if one.lower() != "on"]
    elif statement.kind == "mode":
        if statement.plain != "mode active":
            daemon["watch"] = None
            made.note(statement, f"`{statement.plain}`: it has no `watch`, so it is started by command only")
    elif statement.kind == "if":
        _if(made, daemon, statement, cores)
    elif statement.kind in NEEDLESS:
        made.note(statement, f"`{statement.plain}` is not needed: {NEEDLESS[statement.kind]}")
    else:
        made.lost(statement, ELSEWHERE[statement.kind])


def _program(made: Translation, daemon: dict[str, Any], statement: Statement) -> None:
    seen = PROGRAM.fullmatch(statement.plain)
    if seen is None:
        made.lost(statement, "it is not understood")
        return
    try:
        argv = shlex.split(statement.text_of(seen["line"]))
    except ValueError as error:
        made.lost(statement, f"{error}")
        return
    step: dict[str, Any] = {"argv": argv}
    if seen["uid"]:
        step["user"] = statement.text_of(seen["uid"])
    if seen["gid"]:
        made.note(statement, f"`gid {seen['gid']}`: it runs with the groups of its user")
    if seen["timeout"]:
        within = f"{int(seen['timeout']) * UNITS[seen['unit']]}s"
        if seen["which"] == "start":
            daemon["timeout"] = within  # as in Monit, also the time for its process to come
        else:
            step["timeout"] = within
    daemon[seen["which"]] = argv if len(step) == 1 else step


def _if(made: Translation, daemon: dict[str, Any], statement: Statement, cores: int) -> None:
    restarts, exists = RESTARTS.fullmatch(statement.plain), EXISTS.fullmatch(statement.plain)
    watch: dict[str, Any] = daemon["watch"] if daemon["watch"] is not None else {}
    if restarts is not None:
        if restarts["then"] not in ("timeout", "unmonitor", "stop"):
            made.lost(statement, f"`then {restarts['then']}`: the alert ServiceGaveUp tells it")
            return
        within = int(restarts["cycles"]) * made.cycle
        watch["restart"] = {"at_most": int(restarts["count"]), "within": f"{within:g}s"}
    elif exists is not None:
        if exists["then"] == "alert":
            daemon["watch"] = None
            made.note(statement, "`then alert`: it has no `watch`; the alert ServiceDown tells it")
        elif exists["then"] not in ("restart", "start"):
            made.lost(statement, f"`then {exists['then']}` is not among what follows from a death")
        elif exists["cycles"]:
            made.note(statement, f"`for {exists['cycles']} cycles`: it is started at once")
    else:
        told = condition(statement, made.cycle, cores)
        if isinstance(told, str):
            made.lost(statement, told)
            return
        check, remark = told
        watch.setdefault("checks", []).append(check)
        if remark:
            made.note(statement, remark)


def _finished(made: Translation) -> Translation:
    """Leave out what cannot be: daemons without a start program, dependencies on what is not there."""
    for name, daemon in list(made.daemons.items()):
        if "start" not in daemon:
            made.lost(
                made.places[name],
                "without `start program` Monit only alerts: write it under `services` in exporter.yml",
            )
            del made.daemons[name]
        elif daemon["watch"] is None:
            del daemon["watch"]
        elif "restart" not in daemon["watch"]:
            made.note(
                made.places[name],
                "Monit starts it for ever; the agent gives up after 5 starts in 5 minutes (`watch.restart`)",
            )
    for name, daemon in made.daemons.items():
        absent = [other for other in daemon.get("depends_on", ()) if other not in made.daemons]
        for other in absent:
            made.lost(made.places[name], f"depends on {other}, which is not among the daemons")
            daemon["depends_on"].remove(other)
        if "depends_on" in daemon and not daemon["depends_on"]:
            del daemon["depends_on"]
    return made


def ordered(daemon: Mapping[str, Any]) -> dict[str, Any]:
    """A daemon's keys in the order in which people write them."""
    keys = ("pid_file", "match", "start", "stop", "restart", "timeout", "depends_on", "watch")
    return {key: daemon[key] for key in keys if key in daemon}
