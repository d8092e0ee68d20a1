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
    """One guard without which a promise breaks. `noticed_by`: a seed or a test that shows it."""

    guard: str
    module: str
    old: str
    new: str
    noticed_by: str


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
ENTER, GAP = "actuator.failover.enter", "actuator.failover.gap"

DECISIONS = "tests/unit/test_failover_decisions.py::"
FOUND = "tests/unit/test_failover_found.py::"
GUARDS = "tests/unit/test_failover_guards.py::"
HANG = "tests/unit/test_failover_hang.py::"
OPERATORS = "tests/unit/test_failover_operators.py::"

MUTATIONS: tuple[Mutation, ...] = (
    Mutation("gone needs an asserted start fence", READINESS,
             "if node.reach is not Reach.REFUSED or run is None or not node.starts_paused:",
             "if node.reach is not Reach.REFUSED or run is None:",
             "40"),
    Mutation("gone needs three refusals over two seconds", READINESS,
             "if run.count < REFUSALS or lasted < after or run.answered_before is None:",
             "if run.answered_before is None:",
             "2"),
    Mutation("gone needs an address that answered before", READINESS,
             "if run.since - run.answered_before > ANSWER_WINDOW or now - run.last > STALE:",
             "if now - run.last > STALE:",
             DECISIONS + "test_a_holder_that_is_silent_but_not_proven_gone_keeps_production"),
    Mutation("gone needs a fresh refusal", READINESS,
             "if run.since - run.answered_before > ANSWER_WINDOW or now - run.last > STALE:",
             "if run.since - run.answered_before > ANSWER_WINDOW:",
             GUARDS + "test_an_old_refusal_proves_nothing_about_now"),
    Mutation("an acknowledged pause is read again", READINESS,
             "        and node.paused is True\n        and node.checked_at is not None\n        and node.checked_at >= acknowledged\n",
             "",
             "0"),
    Mutation("an acknowledged pause does not survive a restart", READINESS,
             "        and (node.broken_at is None or node.broken_at < acknowledged)\n",
             "",
             "1322"),
    Mutation("a waiting pause needs an asserted start fence", READINESS,
             "if node.reach is not Reach.TIMEOUT or not node.starts_paused or acknowledged is None:",
             "if node.reach is not Reach.TIMEOUT or acknowledged is None:",
             "655"),
    Mutation("a waiting pause must wait", READINESS,
             "and step.evidence == \"queued\"\n",
             "\n",
             "42"),
    Mutation("a waiting pause does not survive a restart", READINESS,
             "(node.broken_at is not None and node.broken_at >= acknowledged)",
             "False",
             HANG + "test_a_waiting_pause_proves_nothing_any_more_when_the_node_changed"),
    Mutation("the others are read once more before a resume", READINESS,
             "        if paused is False:\n            return f\"{name} reads unpaused just before the resume\"\n        proof =",
             "        proof =",
             HANG + "test_just_before_a_resume_every_other_member_must_still_be_fenced"),
    Mutation("who cannot be read before a resume needs a proof", READINESS,
             "if paused is None and proof is None:",
             "if False:",
             HANG + "test_just_before_a_resume_every_other_member_must_still_be_fenced"),
    Mutation("a candidate answers", READINESS,
             "if node.reach is not Reach.ANSWERS:\n        reasons.append",
             "if False:\n        reasons.append",
             GUARDS + "test_a_candidate_that_is_silent_active_or_unseen_by_any_witness_is_told_so"),
    Mutation("a candidate's pause state is known and it is paused", READINESS,
             "reasons.append(f\"{node.name} is already active\")",
             "pass",
             GUARDS + "test_a_candidate_that_is_silent_active_or_unseen_by_any_witness_is_told_so"),
    Mutation("a candidate's last irreversible block moves", READINESS,
             "if node.lib_moved_at is None or facts.now - node.lib_moved_at > LIB_STILL:",
             "if False:",
             DECISIONS + "test_a_standby_with_any_doubt_is_passed_over_for_the_next_one"),
    Mutation("a candidate has a live peer", READINESS,
             "if not node.peers:",
             "if False:",
             DECISIONS + "test_a_standby_with_any_doubt_is_passed_over_for_the_next_one"),
    Mutation("a candidate's head is fresh", READINESS,
             "if lag is None or lag > FRESH_SLOTS:",
             "if False:",
             "893"),
    Mutation("a candidate is on the witness's fork", READINESS,
             "if node.agrees is not True:",
             "if False:",
             DECISIONS + "test_a_standby_with_any_doubt_is_passed_over_for_the_next_one"),
    Mutation("a held candidate is not resumed", READINESS,
             "if name in facts.held:",
             "if False:",
             OPERATORS + "test_a_held_node_is_not_resumed_and_the_next_one_is"),
    Mutation("somebody must see the chain", READINESS,
             "if chain is None or chain.witnesses == 0:",
             "if chain is None:",
             GUARDS + "test_a_candidate_that_is_silent_active_or_unseen_by_any_witness_is_told_so"),
    Mutation("our name is scheduled", READINESS,
             "if policy.producer not in chain.producers:\n        reasons",
             "if False:\n        reasons",
             DECISIONS + "test_nobody_is_resumed_against_the_schedule"),
    Mutation("our key is the schedule's", READINESS,
             "elif policy.public_key is not None and policy.public_key not in chain.our_keys:",
             "elif False:",
             "259"),
    Mutation("no schedule change is under way", READINESS,
             "if chain.changing is not None:",
             "if False:",
             "675"),
    Mutation("the chain flows", READINESS,
             "if stalled(chain, policy.producer):\n        reasons",
             "if False:\n        reasons",
             GUARDS + "test_a_candidate_that_is_silent_active_or_unseen_by_any_witness_is_told_so"),
    Mutation("every other member is fenced before a resume", RUNNING,
             "open_ = [node for node in others if fence_of(node, facts, policy) is None]",
             "open_ = []",
             DECISIONS + "test_a_group_that_waits_for_alerts_takes_over_only_while_one_asks"),
    Mutation("a target that became unfit is not resumed", RUNNING,
             "reasons = () if facts.node(plan.target).active else unready(plan.target, facts, policy)",
             "reasons = ()",
             DECISIONS + "test_a_target_that_is_not_fit_any_more_is_exchanged_under_a_new_epoch"),
    Mutation("a switchover that is late gives production back", RUNNING,
             "if plan.deadline is not None and facts.now > plan.deadline:",
             "if False:",
             DECISIONS + "test_a_switchover_that_is_not_through_by_its_deadline_gives_production_back"),
    Mutation("a resume that timed out is disarmed", RUNNING,
             "if step.state == State.UNKNOWN:",
             "if False:",
             DECISIONS + "test_a_resume_that_timed_out_is_disarmed_before_anybody_else_is_resumed"),
    Mutation("a resume has a time limit", RUNNING,
             "not_after = limit if plan.deadline is None else min(limit, plan.deadline)",
             "not_after = None",
             GUARDS + "test_a_resume_must_go_out_within_two_seconds_and_before_the_plans_deadline"),
    Mutation("two active members are noticed in the middle of a plan", RUNNING,
             "if len(active) > 1 and at_the_same_time(facts):",
             "if False:",
             DECISIONS + "test_a_second_active_node_during_verification_is_paused"),
    Mutation("an operator's resume in the middle of a plan ends it", RUNNING,
             "if len(active) != 1 or active[0] == mine or facts.node(plan.target).reach is Reach.UNSEEN:",
             "if True:",
             FOUND + "test_what_others_do_while_a_new_node_is_verified"),
    Mutation("who paused itself again after a resume is handed over", RUNNING,
             "    if target.broken_at is not None and target.broken_at > (plan.resumed_at or 0.0):",
             "    if True:",
             FOUND + "test_what_others_do_while_a_new_node_is_verified"),
    Mutation("a node that owes a pause is asked until it reads paused", RESTING,
             "return _collect(decision, facts) if decision.state.owing else decision",
             "return decision",
             HANG + "test_a_member_that_was_fenced_while_silent_is_asked_until_it_reads_paused"),
    Mutation("a start observes a round first", RESTING,
             "if now < state.observe_until:",
             "if False:",
             DECISIONS + "test_a_start_observes_one_full_round_before_it_acts"),
    Mutation("two active members are separated", RESTING,
             "        return separate(state, facts, policy, active)\n    ghost = ",
             "        pass\n    ghost = ",
             DECISIONS + "test_two_active_nodes_are_separated_at_once_and_the_group_is_latched"),
    Mutation("what an operator paused stays paused", RESTING,
             "if broken is not None and (holder.starts_paused if seen is None else broken > seen):",
             "if True:",
             DECISIONS + "test_a_holder_paused_by_an_operator_stays_paused"),
    Mutation("what an operator moved stays there", RESTING,
             "    if name != state.holder:\n",
             "    if False:\n",
             DECISIONS + "test_what_an_operator_does_is_told_and_never_undone"),
    Mutation("a node whose blocks arrive is alive", TRIGGERS,
             "if chain is None or newest is None or slot_time(newest) - since <= BLOCK_LEAD:",
             "if True:",
             DECISIONS + "test_a_node_whose_blocks_still_arrive_is_alive_whatever_its_api_says"),
    Mutation("a holder that answers late is not hung", TRIGGERS,
             "if quiet < (HUNG_SOON if soon else HUNG_AFTER):",
             "if False:",
             DECISIONS + "test_a_holder_that_is_silent_but_not_proven_gone_keeps_production"),
    Mutation("a holder is hung only where its start is fenced", TRIGGERS,
             "or answered is None or not holder.starts_paused:",
             "or answered is None:",
             GUARDS + "test_a_silent_holder_that_may_start_unpaused_is_not_replaced_however_long_it_is_silent"),
    Mutation("empty slots prove something only while others' blocks flow", TRIGGERS,
             "if len(empty) < SILENT_SLOTS or not flows_before(window, chain):",
             "if len(empty) < SILENT_SLOTS:",
             FOUND + "test_our_empty_slots_count_only_when_others_blocks_flowed_right_before"),
    Mutation("a witness that is behind proves nothing", TRIGGERS,
             "return None if witness_behind(facts, holder, empty[0]) else empty[0]",
             "return empty[0]",
             FOUND + "test_a_witness_that_lags_behind_another_member_proves_nobody_silent"),
    Mutation("shadow, off and holds bar automation", TRIGGERS,
             "if refusal is not None:\n        why =",
             "if False:\n        why =",
             DECISIONS + "test_shadow_and_off_do_nothing_but_shadow_says_what_it_would_do"),
    Mutation("takeovers are limited", TRIGGERS,
             "if limit is not None:",
             "if False:",
             DECISIONS + "test_after_too_many_takeovers_a_human_decides"),
    Mutation("takeovers keep their distance", ENTER,
             "if recent and now - recent[-1] < policy.cooldown:",
             "if False:",
             DECISIONS + "test_after_too_many_takeovers_a_human_decides"),
    Mutation("takeovers have a daily number", ENTER,
             "if len(recent) >= policy.per_day:",
             "if False:",
             DECISIONS + "test_after_too_many_takeovers_a_human_decides"),
    Mutation("mode bounded needs two witnesses that agree", READINESS,
             "if chain is None or chain.agreeing < WITNESSES:",
             "if chain is None:",
             GUARDS + "test_bounded_needs_two_witnesses_and_four_empty_slots_and_strict_never_takes_absence_for_a_fence"),
    Mutation("mode bounded needs four empty slots", READINESS,
             "if len(empty) < VACANT:",
             "if False:",
             GUARDS + "test_bounded_needs_two_witnesses_and_four_empty_slots_and_strict_never_takes_absence_for_a_fence"),
    Mutation("mode strict takes no absence for a fence", READINESS,
             "if not policy.bounded or node.reach",
             "if node.reach",
             GUARDS + "test_bounded_needs_two_witnesses_and_four_empty_slots_and_strict_never_takes_absence_for_a_fence"),
    Mutation("a lost node that produces makes the holder give way", RESTING,
             "if ghost is not None:",
             "if False:",
             GUARDS + "test_bounded_gives_way_to_a_lost_node_whose_blocks_stand_beside_ours"),
    Mutation("an automatic plan needs a round of watching after a start", TRIGGERS,
             "if state.observe_until is not None and facts.now < state.observe_until:",
             "if False:",
             GUARDS + "test_what_came_between_a_start_and_a_full_round_of_watching_is_no_reason_to_act"),
    Mutation("what an agent proved holds until the node answers", READINESS,
             "if node.answered_at is not None and node.answered_at >= confirmed:",
             "if False:",
             HANG + "test_an_agent_that_says_stopped_and_fenced_is_a_fence_until_the_node_answers_again"),
    Mutation("trigger alerts waits for an alert", TRIGGERS,
             "if policy.on_alert and not asked:",
             "if False:",
             DECISIONS + "test_a_group_that_waits_for_alerts_takes_over_only_while_one_asks"),
    Mutation("a pause is sent again until it is acknowledged", ENTER,
             "tries = 1 if node.reach is Reach.ANSWERS else len(sent)",
             "return None\n        tries = 1",
             DECISIONS + "test_a_pause_that_is_not_acknowledged_is_sent_again_but_not_at_once"),
    Mutation("a switchover keeps away from our window", GAP,
             "if window.opens - now < policy.guard + SETTLE:",
             "if False:",
             DECISIONS + "test_a_switchover_does_not_begin_when_our_window_is_near"),
    Mutation("a switchover waits for the end of our window", GAP,
             "if now >= window.opens:",
             "if False:",
             GUARDS + "test_a_switchover_never_begins_inside_our_window"),
    Mutation("a gap is what a witness shows that keeps up with our nodes", RESTING,
             "opens = witness_lags(facts) or gap_until(facts.chain, policy, now)",
             "opens = gap_until(facts.chain, policy, now)",
             "40091769"),
    Mutation("a witness that is behind blames no new node", RUNNING,
             "if enough and not witness_behind(facts, plan.target, empty[-1]):",
             "if enough:",
             FOUND + "test_a_new_node_is_not_blamed_for_a_witness_that_was_cut_off_in_its_turn"),
    Mutation("absence is no fence where our own resume may wait", READINESS,
             "if any(step.node == node.name and step.name.startswith(\"resume.\") for step in facts.steps):",
             "if False:",
             GUARDS + "test_bounded_never_counts_on_the_absence_of_a_node_that_our_own_resume_may_wait_at"),
    Mutation("a start in a latch observes a round too", RESTING,
             "    if state.observe_until is None and facts.chain is not None:\n        state = replace(",
             "    if False:\n        state = replace(",
             GUARDS + "test_a_start_in_a_latch_counts_its_round_from_there"),
)  # fmt: skip
"""Every guard once. A seed shows a broken promise; a test, what no random story needed the guard for."""
