"""PURE: a group's view as JSON for the API, the CLI and the page. Unknown stays null."""

from dataclasses import asdict
from typing import Any

from actuator.failover.gap import next_opening
from actuator.failover.readiness import unready
from actuator.failover.view import View


def group_status(view: View) -> dict[str, Any]:
    """One group: phase, holder, plan, nodes with their reasons."""
    state, facts, policy = view.state, view.facts, view.policy
    chain = facts.chain
    return {
        "group": policy.group,
        "producer": policy.producer,
        "automation": policy.automation,
        "phase": state.phase,
        "epoch": state.epoch,
        "holder": state.holder,
        "latch": state.latch,
        "holds": [asdict(hold) for hold in state.holds],
        "scheduled": None if state.scheduled is None else asdict(state.scheduled),
        "why": view.decision.why,
        "refusals": [asdict(refusal) for refusal in view.decision.refusals],
        "plan": None if state.plan is None else asdict(state.plan),
        "at": facts.now,
        "witnesses": 0 if chain is None else chain.witnesses,
        "next_window_opens": next_opening(facts, policy.producer),
        "nodes": [
            {
                "name": node.name,
                "reach": node.reach,
                "paused": node.paused,
                "active": node.active,
                "head": node.head_num,
                "peers": node.peers,
                "answered_at": node.answered_at,
                "not_ready_because": [reason.why for reason in unready(node.name, facts, policy)],
            }
            for node in facts.nodes
        ],
    }


def step_row(row: Any) -> dict[str, Any]:
    """One step of the history."""
    return {
        "key": row.key,
        "action": row.action,
        "target": row.target,
        "state": row.state,
        "reason": row.reason,
        "detail": row.detail,
        "attempts": row.attempts,
        "planned_at": row.planned_at,
        "claimed_at": row.claimed_at,
        "finished_at": row.finished_at,
        "group": row.group,
        "epoch": row.epoch,
    }


def incident_row(row: Any) -> dict[str, Any]:
    """One incident of the history, with its certificate."""
    return {
        "group": row.group,
        "epoch": row.epoch,
        "kind": row.kind,
        "source": row.source,
        "target": row.target,
        "cause": row.cause,
        "requested_by": row.requested_by,
        "started_at": row.started_at,
        "ended_at": row.ended_at,
        "outcome": row.outcome,
        "certificate": row.certificate,
    }
