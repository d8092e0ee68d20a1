"""PURE: what operators are told about a group: what happened, what was done, the cost, what to do next."""

from actuator.facts import Facts, Reach, active_members, empty_own_slots
from actuator.failover.explain import nobody_active, utc
from actuator.failover.gap import next_opening
from actuator.failover.state import Certificate, Kind, Notice, NoticeKind, Plan, Policy
from actuator.message import Message, Tone
from nodekit.slots import SLOT_SECONDS, SLOTS_PER_WINDOW, current_slot, slot_time


def words(notice: Notice, policy: Policy, facts: Facts) -> Message:
    """The words of a notice."""
    return _WRITERS[notice.kind](notice, policy, facts)


def _plan(notice: Notice) -> Plan:
    if notice.plan is None:
        raise ValueError(f"a notice of kind {notice.kind} has a plan")
    return notice.plan


def _started(notice: Notice, policy: Policy, facts: Facts) -> Message:
    plan = _plan(notice)
    others = [name for name in policy.members if name not in (plan.source, plan.target)]
    doing = [f"{name} is told to stay paused" for name in others]
    doing.append(f"{plan.target} is resumed as soon as all others are fenced")
    title = f"{policy.producer}: {plan.source} failed, {plan.target} takes over"
    if plan.kind is Kind.RESTORE:
        title = f"{policy.producer}: nobody produced, {plan.target} is resumed"
    return Message(
        f"{title} ({policy.group} #{notice.epoch})",
        Tone.DANGER,
        (
            ("What happened", f"{plan.cause}. Trouble since {utc(plan.since)}."),
            ("What chainwarden does", "; ".join(doing) + "."),
            ("Cost so far", _cost_so_far(plan, policy, facts)),
            (
                "What you do",
                "Nothing yet. A second message follows when "
                f"{plan.target}'s block is on the chain. If it does not come by {_proof_due(policy, facts)}: "
                f"`chainwarden explain {policy.group}`.",
            ),
        ),
    )


def _cost_so_far(plan: Plan, policy: Policy, facts: Facts) -> str:
    missed = missed_so_far(plan, policy, facts)
    if missed is None:
        return "unknown: no witness answers."
    return f"{_blocks(missed)} missed." if missed else "no block missed yet."


def missed_so_far(plan: Plan, policy: Policy, facts: Facts) -> int | None:
    """Blocks that were missed since the trouble began; None when no witness answers."""
    if facts.chain is None:
        return None
    return len(empty_own_slots(facts.chain, policy.producer, current_slot(plan.since)))


def _blocks(count: int) -> str:
    return "1 block" if count == 1 else f"{count} blocks"


def _proof_due(policy: Policy, facts: Facts) -> str:
    """When our current or next window ends: a node that works has made a block by then."""
    opens = next_opening(facts, policy.producer)
    return "the end of our next window" if opens is None else utc(opens + SLOTS_PER_WINDOW * SLOT_SECONDS)


def _verified(notice: Notice, policy: Policy, facts: Facts) -> Message:
    plan, paper = _plan(notice), notice.certificate
    what = {Kind.SWITCHOVER: "switchover", Kind.RESTORE: "restart"}.get(plan.kind, "takeover")
    back = plan.kind is Kind.SWITCHOVER and plan.target != plan.wanted
    title = f"{policy.producer}: {plan.target} produces, {what} {'rolled back' if back else 'verified'}"
    clean = paper is not None and not paper.missed and not paper.doubled
    return Message(
        f"{title} ({policy.group} #{notice.epoch})",
        Tone.GOOD if clean and not back else Tone.WARNING,
        (
            ("What happened", f"{plan.cause}."),
            ("What was done", _done(plan, paper)),
            ("Cost", _cost(plan, paper)),
            ("What you do", _next_for(plan, policy, facts, back=back)),
        ),
    )


def _done(plan: Plan, paper: Certificate | None) -> str:
    if paper is None:
        return f"{plan.target} was resumed {utc(plan.resumed_at)}."
    text = f"{plan.target} resumed {utc(paper.resumed_at)}"
    if paper.fenced_at is not None:
        text = f"The others paused by {utc(paper.fenced_at)}, {text}"
    first = f"first block {utc(paper.first_block_at)}, seen on a witness"
    return f"{text}, {first}. Windows: `{paper.before}` then `{paper.after}`."


def _cost(plan: Plan, paper: Certificate | None) -> str:
    if paper is None:
        return "unknown: the chain could not be read."
    missed = f"{_blocks(len(paper.missed))} missed"
    if paper.missed:
        missed += f" ({utc(slot_time(paper.missed[0]))} to {utc(slot_time(paper.missed[-1]))})"
    planned = plan.kind is Kind.SWITCHOVER or paper.seconds is None
    took = "" if planned else f", {paper.seconds:.1f} s from trouble to block"
    made = ", ".join(f"{count} by {name}" for name, count in paper.produced)
    made = f" Produced in this time: {made}." if made else ""
    return f"{missed}, {len(paper.doubled)} doubled{took}.{made}"


def _next_for(plan: Plan, policy: Policy, facts: Facts, *, back: bool) -> str:
    if back:
        return f"{plan.wanted} did not take over. See `chainwarden history` before you try again."
    if plan.kind is Kind.SWITCHOVER:
        return "Nothing. The old node stays paused and may be maintained."
    if plan.kind is Kind.RESTORE:
        return f"Find out why {plan.target} restarted."
    return (
        f"{_find_out(plan.source or 'the old node', facts)} There is no automatic fail-back. When it is in "
        f"sync: `chainwarden switchover {policy.group} --to {plan.source}`. Another failure within "
        f"{policy.cooldown / 60:.0f} min is left to you."
    )


def _find_out(name: str, facts: Facts) -> str:
    """What to look for on the node that was replaced, by what it shows now."""
    reach = facts.node(name).reach
    if reach is Reach.TIMEOUT:
        return f"Find out why {name} hangs; it pauses itself when it wakes. Restart it only start-fenced."
    if reach is Reach.ANSWERS:
        return f"Find out why {name} did not produce: key, clock, peers, log. It is paused and stays so."
    return (
        f"Find out why {name} died. After a hard kill nodeos needs `--hard-replay-blockchain` or a snapshot; "
        "it must come back paused and stay so."
    )


def _aborted(notice: Notice, policy: Policy, _facts: Facts) -> Message:
    plan = _plan(notice)
    return Message(
        f"{policy.producer}: {plan.kind} to {plan.target} without effect ({policy.group} #{notice.epoch})",
        Tone.WARNING,
        (
            ("Why", "; ".join(notice.details) + "."),
            ("What you do", f"`chainwarden status`, then ask again if it is still wanted ({policy.group})."),
        ),
    )


def _dropped(notice: Notice, policy: Policy, _facts: Facts) -> Message:
    return Message(
        f"{policy.producer}: a scheduled switchover was not begun ({policy.group})",
        Tone.WARNING,
        (
            ("Why", "; ".join(notice.details) + "."),
            ("What you do", f"`chainwarden explain {policy.group}`, then ask again if it is still wanted."),
        ),
    )


def _stuck(notice: Notice, policy: Policy, facts: Facts) -> Message:
    """A page: production is in danger and chainwarden may not act, or cannot."""
    window = f"Our window opens {utc(notice.deadline)}." if notice.deadline else "Our next window is unknown."
    return Message(
        f"{policy.producer}: production needs a human ({policy.group} #{notice.epoch})",
        Tone.DANGER,
        (
            ("What is wrong", "; ".join(notice.details) + "."),
            ("Deadline", window),
            (
                "What chainwarden does",
                "It keeps looking and acts as soon as it safely can; until then nothing.",
            ),
            ("What you do", _by_hand(policy, facts)),
        ),
    )


def _by_hand(policy: Policy, facts: Facts) -> str:
    silent = [node.name for node in facts.nodes if node.reach is not Reach.ANSWERS]
    ready = [node.name for node in facts.nodes if node.paused]
    steps = []
    if silent:
        steps.append(
            f"make certain that {' and '.join(silent)} cannot produce (stop nodeos, or cut the host's power)"
        )
    if ready:
        steps.append(f"then resume one: POST /v1/producer/resume on {ready[0]}")
    steps.append(f"`chainwarden explain {policy.group}` shows what is missing")
    return "; ".join(steps) + "."


def _latched(notice: Notice, policy: Policy, facts: Facts) -> Message:
    active = active_members(facts)
    return Message(
        f"{policy.producer}: automation rests until you release it ({policy.group})",
        Tone.DANGER,
        (
            ("Why", "; ".join(notice.details) + "."),
            ("Who produces", f"{' and '.join(active) or nobody_active(facts, policy)}."),
            ("What chainwarden does", "It watches and tells; it moves production only when asked."),
            ("What you do", f"`chainwarden status`; when all is well: `chainwarden release {policy.group}`."),
        ),
    )


def _two_active(notice: Notice, policy: Policy, _facts: Facts) -> Message:
    plan = notice.plan
    doing = (
        "pausing all but the holder at once" if plan is not None else "telling only; automation may not act"
    )
    cause = plan.cause if plan is not None else "two of our nodes are active"
    return Message(
        f"{policy.producer}: two of our nodes are active ({policy.group})",
        Tone.DANGER,
        (
            ("What is wrong", f"{cause}."),
            ("What chainwarden does", f"{doing}."),
            ("What you do", "Find out who resumed or restarted the other node. "
             f"`chainwarden history` shows what chainwarden did ({policy.group})."),
        ),
    )  # fmt: skip


def _would(notice: Notice, policy: Policy, _facts: Facts) -> Message:
    return Message(
        f"{policy.producer}: would act, but automation is in shadow ({policy.group})",
        Tone.WARNING,
        (("What is wrong", "; ".join(notice.details) + "."), ("What chainwarden does", "Nothing.")),
    )


_WRITERS = {
    NoticeKind.STARTED: _started,
    NoticeKind.VERIFIED: _verified,
    NoticeKind.ABORTED: _aborted,
    NoticeKind.DROPPED: _dropped,
    NoticeKind.BLOCKED: _stuck,
    NoticeKind.UNFENCED: _stuck,
    NoticeKind.IDLE: _stuck,
    NoticeKind.LATCHED: _latched,
    NoticeKind.TWO_ACTIVE: _two_active,
    NoticeKind.WOULD: _would,
}
