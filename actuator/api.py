"""The JSON API for operators: status, explain, history, switchover, release."""

import time
import uuid
from collections.abc import Callable, Mapping
from typing import Protocol

from flask import Blueprint, Response, g, jsonify, request

from actuator import groups, steps
from actuator.failover.explain import explain
from actuator.failover.state import Asked, GroupState
from actuator.failover.view import View
from actuator.failover.watch import Answer, GroupWatch
from actuator.ledger import Ledger, LedgerError
from actuator.status import group_status, incident_row, step_row
from actuator.wishes import (
    dry_run,
    held_node,
    nothing_to_release,
    nothing_to_unhold,
    wanted_hold,
    wanted_switchover,
)

HISTORY_LIMIT = 1000


class Gate(Protocol):
    """Says who a request comes from."""

    def __call__(self, role: str) -> tuple[str | None, Response | None]:
        """The caller's name, or the answer that turns it away."""


def guarded(name: str, gate: Gate) -> Blueprint:
    """Routes under /api whose caller is in `g.caller`; reading needs the role `viewer`, acting `operator`."""
    api = Blueprint(name, __name__, url_prefix="/api")

    def guard() -> Response | None:
        caller, refused = gate("viewer" if request.method == "GET" else "operator")
        g.caller = caller
        return refused

    api.before_request(guard)
    api.register_error_handler(LedgerError, lambda error: failed(503, str(error)))
    return api


def api_blueprint(watches: Mapping[str, GroupWatch], ledger: Ledger, gate: Gate) -> Blueprint:
    """Routes under /api; reading needs the role `viewer`, acting `operator`."""
    api = guarded("api", gate)
    _reading(api, watches, ledger)
    _acting(api, watches)
    return api


def failed(status: int, text: str, refusals: tuple[str, ...] = ()) -> Response:
    """An error answer: what is wrong, and why things were refused."""
    answer = jsonify({"error": text, "refusals": [{"why": why} for why in refusals]})
    answer.status_code = status
    return answer


def _known(watches: Mapping[str, GroupWatch], name: str) -> Response | None:
    if name in watches:
        return None
    known = ", ".join(watches) or "there are none"
    return failed(404, f"no group {name}; known: {known}")


def _reading(api: Blueprint, watches: Mapping[str, GroupWatch], ledger: Ledger) -> None:
    @api.get("/status")
    def status() -> Response:
        views = [view for watch in watches.values() if (view := watch.view()) is not None]
        return jsonify({"groups": [group_status(view) for view in views]})

    @api.get("/groups/<name>")
    def group(name: str) -> Response:
        return _with_view(watches, name, lambda watch: group_status(_view(watch)))

    @api.get("/groups/<name>/explain")
    def explained(name: str) -> Response:
        def lines(watch: GroupWatch) -> dict[str, object]:
            view = _view(watch)
            return {"lines": explain(view.state, view.facts, view.policy, view.decision)}

        return _with_view(watches, name, lines)

    @api.get("/groups/<name>/incidents/<int:epoch>")
    def incident(name: str, epoch: int) -> Response:
        found = ledger.read(lambda connection: groups.incidents(connection, name, HISTORY_LIMIT))
        rows = [row for row in found if row.epoch == epoch]
        return jsonify(incident_row(rows[0])) if rows else failed(404, f"{name} has no incident {epoch}")

    @api.get("/history")
    def history() -> Response:
        limit = min(HISTORY_LIMIT, max(1, request.args.get("limit", 50, type=int)))
        incidents = ledger.read(lambda connection: groups.incidents(connection, None, limit))
        rows = ledger.read(lambda connection: steps.latest(connection, limit))
        return jsonify(
            {"incidents": [incident_row(row) for row in incidents], "steps": [step_row(row) for row in rows]}
        )


class _NoViewError(Exception):
    """The group has made no decision yet."""


def _view(watch: GroupWatch) -> View:
    view = watch.view()
    if view is None:
        raise _NoViewError
    return view


def _with_view(
    watches: Mapping[str, GroupWatch], name: str, body: Callable[[GroupWatch], dict[str, object]]
) -> Response:
    unknown = _known(watches, name)
    if unknown is not None:
        return unknown
    try:
        return jsonify(body(watches[name]))
    except _NoViewError:
        return failed(503, f"{name} was not looked at yet; ask again in a second")


def _acting(api: Blueprint, watches: Mapping[str, GroupWatch]) -> None:
    @api.post("/groups/<name>/switchover")
    def switchover(name: str) -> Response:
        body = request.get_json(silent=True)
        wish = wanted_switchover(body, _caller(), time.time(), uuid.uuid4().hex)
        if isinstance(wish, str):
            return failed(400, wish)
        asked = Asked(switchover=wish)
        if dry_run(body):
            return _known(watches, name) or jsonify({"lines": watches[name].dry_run(asked)})
        return _asked(watches, name, asked)

    @api.post("/groups/<name>/unschedule")
    def unschedule(name: str) -> Response:
        return _asked(watches, name, Asked(unschedule=True))

    @api.post("/groups/<name>/hold")
    def hold(name: str) -> Response:
        wish = wanted_hold(request.get_json(silent=True), _caller(), time.time())
        if isinstance(wish, str):
            return failed(400, wish)
        if name in watches and wish.node not in ("*", *watches[name].policy.members):
            known = ", ".join(watches[name].policy.members)
            return failed(404, f"{wish.node} is no member of {name} ({known})")
        return _asked(watches, name, Asked(hold=wish))

    @api.post("/groups/<name>/unhold")
    def unhold(name: str) -> Response:
        node = held_node(request.get_json(silent=True))
        idle = _idle(watches, name, lambda state: nothing_to_unhold(state, node))
        return idle or _asked(watches, name, Asked(unhold=node))

    @api.post("/groups/<name>/release")
    def release(name: str) -> Response:
        idle = _idle(watches, name, nothing_to_release)
        return idle or _asked(watches, name, Asked(release=_caller()))


def _caller() -> str:
    return g.caller or "operator"


def _idle(
    watches: Mapping[str, GroupWatch], name: str, why: Callable[[GroupState], str | None]
) -> Response | None:
    """The answer to a wish that would change nothing: "done" would be believed."""
    view = watches[name].view() if name in watches else None
    text = None if view is None else why(view.state)
    return None if text is None else failed(409, f"{name}: {text}")


def _asked(watches: Mapping[str, GroupWatch], name: str, asked: Asked) -> Response:
    unknown = _known(watches, name)
    if unknown is not None:
        return unknown
    try:
        answer: Answer = watches[name].ask(asked)
    except TimeoutError:
        return failed(503, f"{name} made no decision in time; nothing was accepted for certain")
    if not answer.accepted:
        return failed(409, "refused", tuple(refusal.why for refusal in answer.refusals))
    accepted = jsonify({"epoch": answer.epoch})
    accepted.status_code = 202
    return accepted
