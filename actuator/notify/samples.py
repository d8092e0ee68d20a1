"""PURE: one note of every kind: each template is tried with them at start, and the golden files show them."""

from collections.abc import Mapping
from typing import Any

from actuator.alert import Alert
from actuator.message import LAST, Message, Note, Tone, alert_note, notice_note

BEGAN = 1_700_000_000.0 - 754.0
AM = "http://alertmanager.example.org"


def _alert(name: str, severity: str, labels: Mapping[str, str], texts: Mapping[str, str]) -> Note:
    marks = {"alertname": name, "severity": severity, **labels}
    return alert_note(
        Alert("firing", "0" * 16, marks, texts, BEGAN, "http://prometheus.example.org/graph"), AM
    )


def _resolved(note: Note) -> Note:
    values = {**note.values, "status": "resolved", "ends_at": BEGAN + 700.0}
    return Note(note.kind, LAST, note.group, "", values)


def _own(kind: str, urgency: int, **values: Any) -> Note:
    return Note(kind, urgency, "", "", values)


_NODE = _alert(
    "AntelopeNodeDown", "critical",
    {"node": "tokyo", "group": "eosstorebest", "chain": "eos", "role": "A"},
    {"summary": "A node does not answer.",
     "description": "tokyo (role A, group eosstorebest) does not answer get_info.",
     "runbook_url": "https://example.org/runbooks/AntelopeNodeDown",
     "dashboard_url": "https://grafana.example.org/d/producers"},
)  # fmt: skip

_SERVICE = _alert(
    "ServiceDown", "critical", {"service": "nginx", "host": "beijing"},
    {"summary": "A service is down.", "description": "nginx on beijing is down. It has no process.",
     "checks": "process tcp", "processes": "0", "restarts": "3"},
)  # fmt: skip

_PLAN: dict[str, Any] = {
    "group": "eosstorebest", "producer": "eosstorebest", "epoch": 3, "plan": "takeover", "trouble": "crash",
    "source": "tokyo", "target": "singapore", "missed": None, "doubled": None, "seconds": None, "so_far": 1,
    "resumed": None, "first_block": None, "before": None, "after": None, "deadline": None,
}  # fmt: skip

SAMPLES: dict[str, Note] = {
    "node": _NODE,
    "node_resolved": _resolved(_NODE),
    "reminder": Note(
        _NODE.kind, 0, _NODE.group, "critical", {**_NODE.values, "reminder": 1, "heard_at": BEGAN + 600.0}
    ),
    "producer": _alert(
        "AntelopeProducerMissedBlocks", "warning",
        {"producer": "eosstorebest", "chain": "eos", "group": "eosstorebest"},
        {"summary": "Our producer missed blocks.",
         "description": "eosstorebest on eos missed 4 blocks in the last ten minutes.", "missed": "4"},
    ),
    "oracle": _alert(
        "OracleJobErrors", "critical", {"oracle": "plugin", "job_name": "feed 1", "job_id": "7"},
        {"summary": "A job of the oracle node has an error.",
         "description": "feed 1 of plugin had an error within the last five minutes; "
         "the newest one happened 2 times in all.", "run_id": "11",
         "error": 'failed to fetch answer: bridge "x" 500\nsecond error', "occurrences": "2"},
    ),
    "balance": _alert(
        "BalanceLow", "warning", {"name": "node", "network": "xdc", "asset": "XDC", "address": "xdc12ab"},
        {"summary": "An account has little money left.",
         "description": "node (xdc12ab, xdc) has 3.25 XDC left, less than its configured threshold.",
         "balance": "3.25 XDC", "threshold": "10 XDC", "burn_rate": "1.3 XDC", "runway": "2d 12h 0m 0s"},
    ),
    "log": _alert(
        "LogErrors", "critical", {"log": "plugin", "file": "NodeStartPM2-error.log"},
        {"summary": "A log has lines of the black list.",
         "description": "Lines were found in NodeStartPM2-error.log (plugin), the newest 12s ago.",
         "count": "2", "lines": "[ERROR] No live RPC nodes available\n[ERROR] `boom` <!channel> *bold*"},
    ),
    "service": _SERVICE,
    "notice": notice_note(
        Message(
            "eosstorebest: tokyo failed, singapore takes over (eosstorebest #3)", Tone.DANGER,
            (
                ("What happened", "tokyo refused connections for 2.0 s."),
                ("What chainwarden does", "singapore is resumed as soon as all others are fenced."),
                ("Cost so far", "1 block missed."),
                ("What you do", "Nothing yet. A second message follows."),
            ),
        ),
        facts={"kind": "started", **_PLAN},
    ),
    "notice_verified": notice_note(
        Message(
            "eosstorebest: singapore produces, takeover verified (eosstorebest #3)", Tone.WARNING,
            (
                ("What happened", "tokyo refused connections for 2.0 s."),
                ("What was done",
                 "singapore resumed 07:00:02 UTC, first block 07:00:03 UTC, seen on a witness. "
                 "Windows: `AAAAAAAAAA..` then `BBBBBBBBBBBB`."),
                ("Cost", "2 blocks missed, 0 doubled, 3.4 s from trouble to block."),
                ("What you do", "Find out why tokyo died. There is no automatic fail-back."),
            ),
        ),
        facts={
            "kind": "verified", **_PLAN, "missed": 2, "doubled": 0, "seconds": 3.4,
            "resumed": "07:00:02 UTC", "first_block": "07:00:03 UTC", "before": "AAAAAAAAAA..",
            "after": "BBBBBBBBBBBB",
        },
    ),
    "outcome_ok": _own(
        "outcome", LAST, state="ok", tone="good", command="switch", service="xdc-rpc", host="oracle1",
        alert="LogErrors (file=NodeStartPM2-error.log, log=plugin-rpc)",
        said="code 0: switched erpc → paid: the node works",
    ),
    "outcome_failed": _own(
        "outcome", 1, state="failed", tone="danger", command="restart", service="nginx", host="beijing",
        alert="ServiceDown (host=beijing, service=nginx)", said="code 7: bind() to 0.0.0.0:80 failed",
    ),
    "outcome_unknown": _own(
        "outcome", 1, state="unknown", tone="warning", command="restart", service="nginx", host="beijing",
        alert="ServiceDown (host=beijing, service=nginx)",
        said="no result within 60 s; a late one is still noted",
    ),
    "no_failover": _own(
        "outcome", 1, state="skipped", tone="warning", group="eosstorebest",
        alert="AntelopeNodeDown (chain=eos, group=eosstorebest, node=tokyo, role=A)",
        said="looked at the nodes, nothing to do: tokyo produces again",
    ),
    "digest": _own("digest", 0, shown=40, total=500, grouped=""),
    "group": _own("digest", 1, shown=3, total=3, grouped="AntelopeNodeDown"),
    "started": _own(
        "started", LAST, version="0.1.0", host="watch1", groups=["eosstorebest"], sinks=["ops"], rules=3
    ),
    "test": _own("test", 0, sink="ops", by="alice"),
    "deadman": _own("deadman", 0, back=False, silent=305.0),
    "deadman_back": _own("deadman", 1, back=True, silent=1805.0),
    "status": _own(
        "status", 1, at="2023-11-15 07:00", problem="", attention=True,
        alerts=[
            {"name": "AntelopeNodeDown", "subject": "tokyo", "severity": "critical", "starts_at": BEGAN,
             "quiet": None},
            {"name": "RpcLagging", "subject": "xdc-a xdc", "severity": "warning",
             "starts_at": BEGAN - 30_000.0, "quiet": 28_000.0},
        ],
        nodes=[
            {"name": "tokyo", "up": False, "head": None, "lib": None, "peers": None, "paused": None},
            {"name": "singapore", "up": True, "head": 812, "lib": 480, "peers": 12, "paused": False},
        ],
        groups=[{"name": "eosstorebest", "holder": "singapore", "phase": "steady"}],
        producers=[{"chain": "eos", "producer": "eosstorebest", "age": 45.0}],
        jobs=[
            {"oracle": "plugin", "job_name": "ETH/USD", "job_id": "8",
             "run_id": None, "age": None, "errors": 0.0},
            {"oracle": "plugin", "job_name": "BTC/USD", "job_id": "7",
             "run_id": 1_234_567.0, "age": 41.0, "errors": 2.0},
        ],
        accounts=[{"network": "xdc", "name": "node", "asset": "XDC", "balance": 3.25, "runway": 216_000.0}],
        services=[
            {"host": "beijing", "service": "nginx", "up": 0.0},
            {"host": "beijing", "service": "redis", "up": None},
        ],
        services_up=1, left_out={"jobs": 2},
    ),
    "status_well": _own(
        "status", LAST, at="2023-11-15 13:00", problem="", attention=False, alerts=[], nodes=[], groups=[],
        producers=[], jobs=[], accounts=[], services=[], services_up=0, left_out={},
    ),
}  # fmt: skip
"""Sample name → note."""
