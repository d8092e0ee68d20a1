"""PURE: the periodic status: when it is due, and what it says, from the exporter's samples."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from actuator.message import lasted

MOST = 40
"""Lines under one heading."""


@dataclass(frozen=True, slots=True)
class Sample:
    """One sample of an exporter."""

    name: str
    labels: Mapping[str, str]
    value: float


def due_at(times: Sequence[str], zone: ZoneInfo, since: float, now: float) -> datetime | None:
    """The newest of the day's times that lies after `since` and not after `now`, in the zone's own clock."""
    today = datetime.fromtimestamp(now, zone).date()
    moments = [
        datetime.combine(day, datetime.strptime(text, "%H:%M").time(), zone)  # noqa: DTZ007 - a time of day
        for day in (today - timedelta(days=1), today)
        for text in times
    ]
    found = [moment for moment in moments if since < moment.timestamp() <= now]
    return max(found, default=None, key=lambda moment: moment.timestamp())


def nodes_of(samples: Iterable[Sample]) -> list[dict[str, Any]]:
    """Each watched node: whether it answers, head, LIB, peers, paused; unknown is None."""
    names = {
        "antelope_head_block_number": "head",
        "antelope_last_irreversible_block_number": "lib",
        "antelope_p2p_connections": "peers",
        "antelope_production_paused": "paused",
    }
    found: dict[str, dict[str, Any]] = {}
    for sample in samples:
        if sample.name == "chainwarden_probe_success" and sample.labels.get("probe") == "nodeos":
            _node(found, sample.labels.get("target", "?"))["up"] = sample.value == 1
        elif sample.name in names and "node" in sample.labels:
            key, node = names[sample.name], _node(found, sample.labels["node"])
            if key == "peers":
                node[key] = int(sample.value) + (node[key] or 0)
            else:
                node[key] = bool(sample.value) if key == "paused" else int(sample.value)
    return [found[name] for name in sorted(found)][:MOST]


def _node(found: dict[str, dict[str, Any]], name: str) -> dict[str, Any]:
    return found.setdefault(
        name, {"name": name, "up": False, "head": None, "lib": None, "peers": None, "paused": None}
    )


@dataclass(frozen=True, slots=True)
class Line:
    """How a metric becomes a line: the labels that name it, and what stands after the number."""

    heading: str
    metric: str
    named: tuple[str, ...]
    unit: str = ""


LINES = (Line("balance", "evm_account_balance", ("network", "name"), "asset"),)
"""Metrics of other collectors that the status lists."""


def jobs_of(samples: Iterable[Sample]) -> list[str]:
    """Each job of an oracle node: its newest run and how long ago that began, the longest silent first."""
    named: dict[tuple[str, str], str] = {}
    runs: dict[tuple[str, str], int] = {}
    ages: dict[tuple[str, str], float] = {}
    for sample in samples:
        job = sample.labels.get("oracle", ""), sample.labels.get("job_id", "")
        if sample.name == "oracle_job_info":
            named[job] = f"{job[0]} {sample.labels.get('job_name', '?')}"
        elif sample.name == "oracle_job_last_run_id":
            runs[job] = int(sample.value)
        elif sample.name == "oracle_round_age_seconds":
            ages[job] = sample.value
    order = sorted(named, key=lambda job: (job in ages, -ages.get(job, 0.0), named[job]))
    shown = [
        f"{named[job]}: " + (f"#{runs[job]}, {lasted(ages[job])}" if job in runs and job in ages else "?")
        for job in order[:MOST]
    ]
    return [*shown, f"… +{len(order) - MOST}"] if len(order) > MOST else shown


def more_of(samples: Sequence[Sample], lines: Sequence[Line] = LINES) -> dict[str, list[str]]:
    """Heading → lines of the other collectors."""
    wanted = {line.metric: line for line in lines}
    jobs = jobs_of(samples)
    found: dict[str, list[str]] = {"oracle": jobs} if jobs else {}
    for sample in samples:
        line = wanted.get(sample.name)
        if line is None:
            continue
        name = " ".join(sample.labels[key] for key in line.named if sample.labels.get(key))
        unit = sample.labels.get(line.unit, line.unit)
        found.setdefault(line.heading, []).append(f"{name}: {sample.value:g} {unit}".rstrip())
    return {heading: rows if heading == "oracle" else sorted(rows)[:MOST] for heading, rows in found.items()}
