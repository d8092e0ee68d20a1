"""PURE: Monit's `if failed port …`, `if cpu > …` as checks of agent.yml."""

import re
from typing import Any

from actuator.agent.monit.statements import Statement

TAIL = r"(?: (?P<times>\d+) times)?(?: (?P<cycles>\d+) cycles?)? then (?P<then>\w+)(?P<more>.*)"
ABOVE = r"(?:>|gt|greater) ?"
PORT = re.compile(
    r"if failed(?: host (?P<host>\S+))? port (?P<port>\d+)(?: type (?P<type>\w+))?"
    r"(?: proto(?:col)? (?P<protocol>\w+))?(?: request (?P<request>\S+))?"
    r"(?: status (?:==? )?(?P<status>\d+))?"
    r"(?: timeout (?P<timeout>\d+) seconds?)?" + TAIL
)
CPU = re.compile(r"if (?:total ?)?cpu " + ABOVE + r"(?P<value>[\d.]+) ?%?" + TAIL)
MEMORY = re.compile(
    r"if (?:total ?)?mem(?:ory)? " + ABOVE + r"(?P<value>[\d.]+) ?(?P<unit>%|[kmgt]?b)" + TAIL
)
UPTIME = re.compile(r"if uptime " + ABOVE + r"(?P<value>\d+) (?P<unit>second|minute|hour|day)s?" + TAIL)
ELSEWHERE = {
    "children": "write `processes: [least, most]` under `services` in exporter.yml",
    "changed pid": "the alert ServiceFlapping tells it", "changed ppid": "nothing follows from it",
}  # fmt: skip
"""Conditions that others see to."""
THEN = ("restart", "stop", "alert")


def condition(statement: Statement, cycle: float, cores: int) -> tuple[dict[str, Any], str] | str:
    """A check with a remark (empty when it says the same), or why there is none."""
    for pattern, make in ((PORT, _port), (CPU, _cpu), (MEMORY, _memory), (UPTIME, _uptime)):
        seen = pattern.fullmatch(statement.plain)
        if seen is not None:
            return _whole(seen, make(statement, seen, cores), cycle)
    for word, why in ELSEWHERE.items():
        if statement.plain.startswith(f"if {word}"):
            return why
    return "there is no such condition; a check of `watch` can run a program of yours instead"


def _whole(
    seen: re.Match[str], made: tuple[dict[str, Any], str], cycle: float
) -> tuple[dict[str, Any], str] | str:
    """The check with what follows its condition in Monit's statement."""
    check, remark = made
    if seen["then"] not in THEN:
        return f"`then {seen['then']}`: what can follow is {', '.join(THEN)}"
    if not check:
        return remark
    if seen["cycles"]:
        check["for"] = f"{int(seen['cycles']) * cycle:g}s"
    if seen["times"]:
        remark = f"{seen['times']} times within {seen['cycles']} cycles: all of that time"
    if seen["more"]:
        remark = f"`{seen['more'].strip()}` is left out"
    if seen["then"] != "restart":
        check["then"] = seen["then"]
    return check, remark


def _port(statement: Statement, seen: re.Match[str], _cores: int) -> tuple[dict[str, Any], str]:
    protocol = seen["protocol"] or "default"
    if (seen["type"] or "tcp") != "tcp":
        return {}, f"`type {seen['type']}`: connections are made over TCP"
    host = statement.text_of(seen["host"]) if seen["host"] else "127.0.0.1"
    remark = ""
    if protocol in ("http", "https"):
        path = statement.text_of(seen["request"]) if seen["request"] else "/"
        made: dict[str, Any] = {"http": f"{protocol}://{host}:{seen['port']}{path}"}
        if seen["status"]:
            made["status"] = int(seen["status"])
    else:
        made = {"tcp": f"{host}:{seen['port']}"}
        if protocol != "default":
            remark = f"`protocol {protocol}`: a connection is opened, the protocol is not spoken"
    made["timeout"] = f"{seen['timeout'] or 5}s"
    return made, remark


def _cpu(_statement: Statement, seen: re.Match[str], cores: int) -> tuple[dict[str, Any], str]:
    value = float(seen["value"]) * cores
    return {"cpu": value}, f"{seen['value']} % of {cores} cores are {value:g} % of one"


def _memory(_statement: Statement, seen: re.Match[str], _cores: int) -> tuple[dict[str, Any], str]:
    if seen["unit"] == "%":
        return {}, "a part of the machine's memory: write `memory: 512M` or the like under `checks`"
    return {"memory": f"{seen['value']}{seen['unit'][:-1].upper()}"}, ""


def _uptime(_statement: Statement, seen: re.Match[str], _cores: int) -> tuple[dict[str, Any], str]:
    return {"uptime": f"{seen['value']}{seen['unit'][0]}"}, ""
