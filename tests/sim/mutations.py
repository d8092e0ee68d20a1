"""The guards of the failover decision, each taken away: one of the promises must break then.

A mutation replaces a piece of one source file. When the code changes, so does its line here: a piece
that is not found is an error, not a pass.
"""

import importlib.util
import sys
from dataclasses import dataclass
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True, slots=True)
class Mutation:
    """One guard without which a promise breaks; `seeds` are stories that show it."""

    guard: str
    module: str
    old: str
    new: str
    seeds: tuple[int, ...] = ()


def put_in_place(mutation: Mutation) -> None:
    """Load the mutated module in this process, before anything imports the real one.

    Raises ValueError when the piece is not in the file exactly once, or the module is loaded already.
    """
    if mutation.module in sys.modules:
        raise ValueError(f"{mutation.module} is loaded already")
    path = CHECKOUT / (mutation.module.replace(".", "/") + ".py")
    source = path.read_text()
    if source.count(mutation.old) != 1:
        raise ValueError(
            f"{mutation.guard}: {mutation.old!r} is {source.count(mutation.old)} times in {path.name}"
        )
    spec = importlib.util.spec_from_file_location(mutation.module, path)
    assert spec is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[mutation.module] = module
    exec(compile(source.replace(mutation.old, mutation.new), str(path), "exec"), module.__dict__)


READINESS, RUNNING = "actuator.failover.readiness", "actuator.failover.running"
RESTING, TRIGGERS = "actuator.failover.resting", "actuator.failover.triggers"
ENTER, FACTS, GAP = "actuator.failover.enter", "actuator.facts", "actuator.failover.gap"

MUTATIONS: tuple[Mutation, ...] = (
    Mutation("gone needs an asserted start fence", READINESS,
             "if node.reach is not Reach.REFUSED or run is None or not node.starts_paused:",
             "if node.reach is not Reach.REFUSED or run is None:"),
    Mutation("gone needs three refusals over two seconds", READINESS,
             "if run.count < REFUSALS or lasted < after or run.answered_before is None:",
             "if run.answered_before is None:"),
    Mutation("gone needs an address that answered before", READINESS,
             "if run.since - run.answered_before > ANSWER_WINDOW or now - run.last > STALE:",
             "if now - run.last > STALE:"),
    Mutation("gone needs a fresh refusal", READINESS,
             "if run.since - run.answered_before > ANSWER_WINDOW or now - run.last > STALE:",
             "if run.since - run.answered_before > ANSWER_WINDOW:"),
    Mutation("an acknowledged pause is read again", READINESS,
             "        and node.paused is True\n        and node.checked_at is not None\n        and node.checked_at >= acknowledged\n",
             ""),
    Mutation("an acknowledged pause does not survive a restart", READINESS,
             "        and (node.broken_at is None or node.broken_at < acknowledged)\n", ""),
    Mutation("a waiting pause needs an asserted start fence", READINESS,
             "if node.reach is not Reach.TIMEOUT or not node.starts_paused or acknowledged is None:",
             "if node.reach is not Reach.TIMEOUT or acknowledged is None:"),
    Mutation("a waiting pause must wait", READINESS,
             'and step.evidence == "queued"\n', "\n"),
    Mutation("a waiting pause does not survive a restart", READINESS,
             "(node.broken_at is not None and node.broken_at >= acknowledged)", "False"),
    Mutation("the others are read once more before a resume", READINESS,
             "        if paused is False:\n            return f\"{name} reads unpaused just before the resume\"\n"
             "        proof =", "        proof ="),
    Mutation("who cannot be read before a resume needs a proof", READINESS,
             "if paused is None and proof is None:", "if False:"),
    Mutation("a candidate answers", READINESS, "if node.reach is not Reach.ANSWERS:\n        reasons.append",
             "if False:\n        reasons.append"),
    Mutation("a candidate's pause state is known and it is paused", READINESS,
             'reasons.append(f"{node.name} is already active")', "pass"),
    Mutation("a candidate's last irreversible block moves", READINESS,
             "if node.lib_moved_at is None or facts.now - node.lib_moved_at > LIB_STILL:", "if False:"),
    Mutation("a candidate has a live peer", READINESS, "if not node.peers:", "if False:"),
    Mutation("a candidate's head is fresh", READINESS, "if lag is None or lag > FRESH_SLOTS:", "if False:"),
    Mutation("a candidate is on the witness's fork", READINESS, "if node.agrees is not True:", "if False:"),
    Mutation("a held candidate is not resumed", READINESS, "if name in facts.held:", "if False:"),
    Mutation("somebody must see the chain", READINESS, "if chain is None or chain.witnesses == 0:",
             "if chain is None:"),
    Mutation("our name is scheduled", READINESS, "if policy.producer not in chain.producers:\n        reasons",
             "if False:\n        reasons"),
    Mutation("our key is the schedule's", READINESS,
             "elif policy.public_key is not None and policy.public_key not in chain.our_keys:", "elif False:"),
    Mutation("no schedule change is under way", READINESS, "if chain.changing is not None:", "if False:"),
    Mutation("the chain flows", READINESS, "if stalled(chain, policy.producer):", "if False:"),
    Mutation("every other member is fenced before a resume", RUNNING,
             "open_ = [node for node in others if fence_of(node, facts, policy) is None]", "open_ = []"),
    Mutation("a target that became unfit is not resumed", RUNNING,
             "reasons = () if facts.node(plan.target).active else unready(plan.target, facts, policy)",
             "reasons = ()"),
    Mutation("a switchover that is late gives production back", RUNNING,
             "if plan.deadline is not None and facts.now > plan.deadline:", "if False:"),
    Mutation("a resume that timed out is disarmed", RUNNING, "if step.state == State.UNKNOWN:", "if False:"),
    Mutation("a resume has a time limit", RUNNING,
             "not_after = limit if plan.deadline is None else min(limit, plan.deadline)", "not_after = None"),
    Mutation("two active members are noticed in the middle of a plan", RUNNING,
             "if len(active) > 1 and at_the_same_time(facts):", "if False:"),
    Mutation("an operator's resume in the middle of a plan ends it", RUNNING,
             "if len(active) != 1 or active[0] == mine or facts.node(plan.target).reach is Reach.UNSEEN:",
             "if True:"),
    Mutation("who paused itself again after a resume is handed over", RUNNING,
             "    if target.broken_at is not None and target.broken_at > (plan.resumed_at or 0.0):", "    if True:"),
    Mutation("a node that owes a pause is asked until it reads paused", RESTING,
             "return _collect(decision, facts) if decision.state.owing else decision", "return decision"),
    Mutation("a start observes a round first", RESTING, "if now < state.observe_until:", "if False:"),
    Mutation("two active members are separated", RESTING,
             "    if len(active) > 1:\n        return separate(state, facts, policy, active)\n    if asked.switchover is not None:\n"
             "        return _ask(state, facts, policy, asked.switchover)\n    due",
             "    if asked.switchover is not None:\n"
             "        return _ask(state, facts, policy, asked.switchover)\n    due"),
    Mutation("what an operator paused stays paused", RESTING,
             "if broken is not None and (holder.starts_paused if seen is None else broken > seen):", "if True:"),
    Mutation("what an operator moved stays there", RESTING, "    if name != state.holder:\n", "    if False:\n"),
    Mutation("a node whose blocks arrive is alive", TRIGGERS,
             "if chain is None or newest is None or slot_time(newest) - since <= BLOCK_LEAD:", "if True:"),
    Mutation("a holder that answers late is not hung", TRIGGERS,
             "if quiet < (HUNG_SOON if soon else HUNG_AFTER):", "if False:"),
    Mutation("a holder is hung only where its start is fenced", TRIGGERS,
             "or answered is None or not holder.starts_paused:", "or answered is None:"),
    Mutation("empty slots of a chain that stands still prove nothing", TRIGGERS,
             "or stalled(chain, producer):", "or False:"),
    Mutation("empty slots prove something only while others' blocks flow", TRIGGERS,
             "if len(empty) < SILENT_SLOTS or not flows_before(window, chain):", "if len(empty) < SILENT_SLOTS:"),
    Mutation("a witness that is behind proves nothing", TRIGGERS,
             "return None if witness_behind(facts, holder, empty[0]) else empty[0]", "return empty[0]"),
    Mutation("shadow, off and holds bar automation", TRIGGERS, "if refusal is not None:\n        why =", "if False:\n        why ="),
    Mutation("takeovers are limited", TRIGGERS, "if limit is not None:", "if False:"),
    Mutation("takeovers keep their distance", ENTER,
             "if recent and now - recent[-1] < policy.cooldown:", "if False:"),
    Mutation("takeovers have a daily number", ENTER, "if len(recent) >= policy.per_day:", "if False:"),
    Mutation("a pause is sent again until it is acknowledged", ENTER,
             "tries = 1 if node.reach is Reach.ANSWERS else len(sent)", "return None\n        tries = 1"),
    Mutation("a switchover keeps away from our window", GAP,
             "if window.opens - now < policy.guard + SETTLE:", "if False:"),
    Mutation("a switchover waits for the end of our window", GAP, "if now >= window.opens:", "if False:"),
)  # fmt: skip
"""Every guard once."""
