"""The page of all services, as HTML; everything that came from outside is escaped."""

import os
import time
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from html import escape
from importlib.metadata import version

from actuator.agent.watch.buttons import Buttons, Pressed, offered
from actuator.agent.watch.policy import Phase
from actuator.agent.watch.view import View
from nodekit.processes import Process, usage

STYLE = """
:root{color-scheme:light dark;--line:#8884;--soft:#8882}
:root{--good:#1a7f37;--bad:#cf222e;--warn:#9a6700;--dim:#6e7781}
@media(prefers-color-scheme:dark){:root{--good:#3fb950;--bad:#f85149;--warn:#d29922;--dim:#8b949e}}
*{box-sizing:border-box}
body{margin:0;font:15px/1.45 system-ui,sans-serif}
header,main{max-width:96rem;margin:0 auto;padding:.8rem 1rem}
header{display:flex;flex-wrap:wrap;gap:.3rem 1rem;align-items:baseline;border-bottom:1px solid var(--line)}
h1{font-size:1.1rem;margin:0}h2{font-size:.95rem;margin:1.6rem 0 .4rem}
.good{color:var(--good)}.bad{color:var(--bad);font-weight:600}.warn{color:var(--warn)}.rest{color:var(--dim)}
.end{margin-left:auto}.scroll{overflow-x:auto}
table{border-collapse:collapse;width:100%;margin:.5rem 0}
th{text-align:left;font-weight:600;color:var(--dim);font-size:.85rem;white-space:nowrap}
th,td{padding:.3rem .9rem .3rem 0;border-bottom:1px solid var(--soft);vertical-align:top}
th.n,td.n{text-align:right;font-variant-numeric:tabular-nums;white-space:nowrap}
td.name{font-weight:600}td small{display:block;color:var(--dim)}
td.checks{min-width:15rem;max-width:20rem;overflow-wrap:break-word}td.why{min-width:13rem}
form{display:flex;gap:.3rem}button{font:inherit;font-size:.85rem;padding:.05rem .5rem;white-space:nowrap}
code{font:13px/1.4 ui-monospace,monospace}
"""
TONES = {
    Phase.RUNNING: "good", Phase.UNMONITORED: "rest", Phase.MAINTENANCE: "rest", Phase.STOPPED: "rest",
    Phase.STARTING: "warn", Phase.STOPPING: "warn", Phase.BACKING_OFF: "warn",
}  # fmt: skip
REFRESH = 5
AGAIN = 1.0
"""Least seconds over which a part of the CPU is told."""
PAGE = """<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{mark}{host}: services</title>
<meta name="viewport" content="width=device-width"><meta http-equiv="refresh" content="{refresh}">
<style>{style}</style></head><body>
<header><h1>{host}</h1><span>{count}</span><span class="rest">{machine}</span>
<span class="rest end">{now} UTC</span></header>
<main><div class="scroll"><table><thead><tr><th>service<th>state<th class=n>process<th class=n>up for
<th class=n>CPU<th class=n>memory<th class=n>restarts<th>checks<th>why{head}</tr></thead>
<tbody>{rows}</tbody></table></div>
{pressed}<p class="rest">{how} · <a href="services.json">JSON</a> · <a href="metrics">metrics</a> ·
chainwarden-agent {version}</p>
</main></body></html>
"""
ASKS = "Buttons ask for an operator's name and password"
HOW = (
    "This page changes nothing. To start, stop, restart, monitor or unmonitor: "
    "<code>chainwarden send-command {host} SERVICE COMMAND</code>, or name <code>operators</code> "
    "in agent.yml"
)


class Meter:
    """The part of one core that each process used since it was last asked for; keeps what it saw."""

    def __init__(self) -> None:
        self._seen: dict[Process, tuple[float, float]] = {}
        self._parts: dict[Process, float] = {}

    def parts(self, processes: Sequence[Process], now: float) -> Mapping[Process, float]:
        """Percent, of those that were seen before. `now` is monotonic."""
        seen, parts = dict[Process, tuple[float, float]](), dict[Process, float]()
        for one in processes:
            used, old = usage(one), self._seen.get(one)
            if used is None:
                continue
            if old is not None and now - old[1] < AGAIN:
                seen[one], part = old, self._parts.get(one)
            else:
                seen[one] = (used.cpu, now)
                part = None if old is None else 100.0 * (used.cpu - old[0]) / (now - old[1])
            if part is not None:
                parts[one] = part
        self._seen, self._parts = seen, parts
        return parts


def html(
    host: str, views: Sequence[View], now: float, buttons: Buttons, parts: Mapping[Process, float]
) -> str:
    """The page. `parts`: percent of one core, by process."""
    unknown = sum(view.phase is Phase.UNKNOWN for view in views)
    down = sum(not view.alive for view in views) - unknown
    rows = "".join(_row(view, now, buttons, parts) for view in views)
    count = f"{len(views)} service{'' if len(views) == 1 else 's'}, "
    told = [f'<span class="bad">{down} not running</span>'] if down else []
    told += [f'<span class="bad">{unknown} unknown</span>'] if unknown else []
    count += ", ".join(told) or "all running"
    return PAGE.format(
        host=escape(host), style=STYLE, refresh=REFRESH, now=_utc(now),
        count=count if views else "no services",
        mark="\N{DOUBLE EXCLAMATION MARK} " if any(_tone(view) == "bad" for view in views) else "",
        machine=escape(machine()), head="<th>" if buttons.there else "",
        rows=rows or "<tr><td colspan=9>No daemons are configured.</td></tr>",
        pressed=_pressed(buttons.newest(), now),
        how=ASKS if buttons.there else HOW.format(host=escape(host)),
        version=escape(version("chainwarden")),
    )  # fmt: skip


def machine() -> str:
    """Load and memory of the host in a few words."""
    load = " ".join(f"{one:.2f}" for one in os.getloadavg())
    known = dict[str, int]()
    with open("/proc/meminfo", encoding="ascii") as file:  # noqa: PTH123 - a file of the kernel
        for line in file:
            key, _, value = line.partition(":")
            known[key] = int(value.split()[0]) << 10
    used = known["MemTotal"] - known.get("MemAvailable", known["MemFree"])
    swap = known.get("SwapTotal", 0) - known.get("SwapFree", 0)
    told = f"load {load} on {os.cpu_count()} cores · memory {_size(used)} of {_size(known['MemTotal'])}"
    return told + (f" · swap {_size(swap)}" if known.get("SwapTotal") else "")


def _tone(view: View) -> str:
    if not view.watched:
        return "good" if view.alive else "bad"
    return TONES.get(view.phase, "bad")


def _row(view: View, now: float, buttons: Buttons, parts: Mapping[Process, float]) -> str:
    main, memory = view.main, view.memory
    state = escape(str(view.phase)) + ("" if view.watched else "<small>not watched</small>")
    more = f" +{len(view.processes) - 1}" if len(view.processes) > 1 else ""
    pid = "-" if main is None else f"{main.pid}{more}"
    up = "-" if main is None else _span(now - main.began)
    used = [one.memory for one in map(usage, view.processes) if one is not None]
    percent = [parts[one] for one in view.processes if one in parts]
    checks = "".join(_check(check, view) for check in view.checks) or "-"
    why = [view.why] if view.why else []
    if memory.until is not None:
        why.append(f"monitored again at {_utc(memory.until)}")
    if memory.gave_up is not None and memory.gave_up.next is not None:
        why.append(f"next try at {_utc(memory.gave_up.next)}")
    return (
        f'<tr><td class=name>{escape(view.name)}<td class="{_tone(view)}">{state}'
        f"<td class=n>{pid}<td class=n>{up}<td class=n>{f'{sum(percent):.0f} %' if percent else '-'}"
        f"<td class=n>{_size(sum(used)) if used else '-'}<td class=n>{memory.restarts}"
        f"<td class=checks>{checks}<td class=why>{escape('; '.join(why))}{_form(view, buttons)}</tr>"
    )


def _check(title: str, view: View) -> str:
    failing = next((one for one in view.failing if one.startswith(f"{title}: ")), None)
    if failing is not None:
        return f'<div class="bad">{escape(failing)}</div>'
    return f'<div class="{"good" if view.alive else "rest"}">{escape(title)}</div>'


def _form(view: View, buttons: Buttons) -> str:
    if not buttons.there:
        return ""
    made = "".join(
        f"<button name=command value={one}>{one.replace('-', ' ')}</button>" for one in offered(view)
    )
    return (
        f'<td><form method="post" action="./"><input type="hidden" name="token" value="{buttons.token}">'
        f'<input type="hidden" name="service" value="{escape(view.name)}">{made}</form>'
    )


def _pressed(pressed: Sequence[Pressed], now: float) -> str:
    rows = "".join(
        f"<tr><td class=n>{_span(now - one.at)} ago<td>{escape(one.by)}<td>{escape(one.service)}"
        f"<td>{escape(one.command)}"
        f'<td class="{"rest" if one.code is None else "bad" if one.code else "good"}">'
        f"{'under way' if one.code is None else escape(one.said)}</tr>"
        for one in pressed
    )
    head = "<thead><tr><th class=n>when<th>who<th>service<th>command<th>what came of it</tr></thead>"
    return (
        f'<h2>By this page</h2><div class="scroll"><table>{head}<tbody>{rows}</tbody></table></div>\n'
        if rows
        else ""
    )


def _utc(moment: float) -> str:
    return f"{datetime.fromtimestamp(moment, UTC):%Y-%m-%d %H:%M:%S}"


def _span(seconds: float) -> str:
    for size, unit in ((86400.0, "d"), (3600.0, "h"), (60.0, "min")):
        if seconds >= 2 * size:
            return f"{seconds / size:.0f} {unit}"
    return f"{max(0.0, seconds):.0f} s"


def _size(size: float) -> str:
    for unit in ("B", "KiB", "MiB"):
        if size < 1024:
            return f"{size:.0f} {unit}"
        size /= 1024
    return f"{size:.1f} GiB"


def drawn(host: str, views: Sequence[View], buttons: Buttons, meter: Meter) -> str:
    """The page as of now."""
    processes = [one for view in views for one in view.processes]
    return html(host, views, time.time(), buttons, meter.parts(processes, time.monotonic()))
