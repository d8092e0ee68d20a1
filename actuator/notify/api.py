"""API routes of messages: send a test, look at what was delivered."""

import time
import uuid
from collections.abc import Callable, Mapping

from flask import Blueprint, Response, g, jsonify, request
from sqlalchemy import Connection, select

from actuator import steps
from actuator.api import Gate, failed, guarded
from actuator.configs.sinks import Sink
from actuator.ledger import Ledger
from actuator.message import Note, as_arguments
from actuator.notify import outbox
from actuator.schema import step
from actuator.step import Lane, Step

MOST = 1000


def notify_blueprint(
    sinks: Mapping[str, Sink], ledger: Ledger, wake: Callable[[], None], gate: Gate
) -> Blueprint:
    """Reading needs the role `viewer`, a test `operator`."""
    api = guarded("notify", gate)

    @api.get("/deliveries")
    def deliveries() -> Response:
        limit = min(MOST, max(1, request.args.get("limit", 50, type=int)))
        return jsonify({"deliveries": ledger.read(lambda connection: outbox.deliveries(connection, limit))})

    @api.get("/notifications/<key>")
    def notification(key: str) -> Response:
        query = select(step.c.state, step.c.detail, step.c.attempts).where(step.c.key == f"test/{key}")
        row = ledger.read(lambda connection: connection.execute(query).first())
        if row is None:
            return failed(404, f"no test message {key}")
        return jsonify({"state": row.state, "detail": row.detail, "attempts": row.attempts})

    @api.post("/test-notify")
    def test_notify() -> Response:
        body = request.get_json(silent=True)
        name = body.get("sink") if isinstance(body, dict) else None
        if name not in sinks:
            return failed(404, f"no sink {name}; known: {', '.join(sinks) or 'there are none'}")
        key = uuid.uuid4().hex
        planned = _test(key, str(name), sinks[str(name)].type, g.caller or "operator")

        def job(connection: Connection) -> None:
            outbox.reopen(connection, str(name))
            steps.add(connection, planned, time.time())

        ledger.write(job)
        wake()
        accepted = jsonify({"key": key})
        accepted.status_code = 202
        return accepted

    return api


def _test(key: str, sink: str, action: str, by: str) -> Step:
    return Step(
        key=f"test/{key}",
        action=action,
        target=outbox.target(sink),
        reason=f"test message, asked for by {by}",
        lane=Lane.NOTIFY,
        arguments=as_arguments(sink, Note("test", 0, "", "", {"sink": sink, "by": by})),
    )
