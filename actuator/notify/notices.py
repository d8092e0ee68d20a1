"""PURE: what a group's notice says, as values, so that templates can say it in any language.

The English sentences are written in actuator/failover/words.py; other languages say what kind of trouble
it is and put the English details behind it.
"""

from typing import Any

from actuator.facts import Facts
from actuator.failover.explain import utc
from actuator.failover.state import Kind, Notice, NoticeKind, Policy
from actuator.failover.words import missed_so_far


def notice_facts(notice: Notice, policy: Policy, facts: Facts) -> dict[str, Any]:
    """JSON values: `kind` of the notice, and what is known of its plan; unknown is None."""
    plan, paper = notice.plan, notice.certificate
    return {
        "kind": _kind(notice),
        "group": policy.group,
        "producer": policy.producer,
        "epoch": notice.epoch,
        "plan": None if plan is None else str(plan.kind),
        "trouble": None if plan is None else str(plan.trouble),
        "source": "?" if plan is None or plan.source is None else plan.source,
        "target": "?" if plan is None else plan.target,
        "missed": None if paper is None else len(paper.missed),
        "doubled": None if paper is None else len(paper.doubled),
        "so_far": None if plan is None else missed_so_far(plan, policy, facts),
        "resumed": None if paper is None else utc(paper.resumed_at),
        "first_block": None if paper is None else utc(paper.first_block_at),
        "before": None if paper is None else paper.before,
        "after": None if paper is None else paper.after,
        "deadline": utc(notice.deadline) if notice.deadline else None,
        "seconds": None if paper is None or paper.seconds is None else round(paper.seconds, 1),
    }


def _kind(notice: Notice) -> str:
    """The notice's kind; a planned or a repairing move has words of its own where a takeover has others."""
    plan = notice.plan
    if plan is None or notice.kind not in (NoticeKind.STARTED, NoticeKind.VERIFIED):
        return str(notice.kind)
    if plan.kind is Kind.SWITCHOVER:
        return f"{notice.kind}_{'back' if plan.target != plan.wanted else 'switchover'}"
    return f"{notice.kind}_restore" if plan.kind is Kind.RESTORE else str(notice.kind)
