"""PURE: the periodic status: when it is due, and what it says, from the exporter's samples."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

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


def producers_of(samples: Iterable[Sample]) -> list[dict[str, Any]]:
    """Each watched producer's age of its newest block, seconds; unknown is None."""
    key = ("chain", "producer")
    return _table(samples, key, {"antelope_producer_last_produced_age_seconds": "age"})


def jobs_of(samples: Iterable[Sample]) -> list[dict[str, Any]]:
    """Each job of the oracle nodes: its newest run, how long ago that began, and the errors that stand.

    The longest silent first, and before them those that never ran.
    """
    names = {
        "oracle_job_info": "known", "oracle_job_last_run_id": "run_id", "oracle_round_age_seconds": "age",
        "oracle_job_errors": "errors",
    }  # fmt: skip
    rows = _table(samples, ("oracle", "job_name", "job_id"), names)
    return sorted(rows, key=lambda row: (row["age"] is not None, -(row["age"] or 0.0)))


def accounts_of(samples: Iterable[Sample]) -> list[dict[str, Any]]:
    """Each watched balance, and how long it lasts; unknown is None."""
    names = {"evm_account_balance": "balance", "evm_account_runway_seconds": "runway"}
    return _table(samples, ("network", "name", "asset"), names)


def services_of(samples: Iterable[Sample]) -> list[dict[str, Any]]:
    """Each service, and whether it is up: 1 or 0; None where that is unknown."""
    return _table(samples, ("host", "service"), {"service_up": "up", "service_state_unknown": "unknown"})


def _table(samples: Iterable[Sample], key: Sequence[str], names: Mapping[str, str]) -> list[dict[str, Any]]:
    """A row for everything that the key's labels tell apart, a column for each metric."""
    found: dict[tuple[str, ...], dict[str, Any]] = {}
    for sample in samples:
        column = names.get(sample.name)
        if column is None:
            continue
        place = tuple(sample.labels.get(label, "") for label in key)
        row = found.setdefault(place, {**dict(zip(key, place, strict=True)), **dict.fromkeys(names.values())})
        row[column] = sample.value
    return [found[place] for place in sorted(found)]


def listed(samples: Sequence[Sample]) -> dict[str, Any]:
    """What a status lists of the exporter's data: MOST rows of a kind, and how many are left out."""
    services = services_of(samples)
    kinds = {
        "producers": producers_of(samples), "jobs": jobs_of(samples), "accounts": accounts_of(samples),
        "services": [one for one in services if one["up"] != 1],
    }  # fmt: skip
    return {
        **{kind: rows[:MOST] for kind, rows in kinds.items()},
        "left_out": {kind: len(rows) - MOST for kind, rows in kinds.items() if len(rows) > MOST},
        "services_up": sum(one["up"] == 1 for one in services),
    }


def needs_attention(values: Mapping[str, Any]) -> bool:
    """Whether a status has anything that somebody should look at; what is not known is no good news."""
    return bool(
        values["problem"]
        or values["alerts"]
        or any(not node["up"] for node in values["nodes"])
        or values["services"]
        or any(group["holder"] is None or group["phase"] == "latched" for group in values["groups"])
    )
