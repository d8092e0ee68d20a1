"""API routes of commands to agents: send one, ask what came of it."""

import time
import uuid
from collections.abc import Callable, Mapping

from flask import Blueprint, Response, g, jsonify, request
from sqlalchemy import Connection, select

from actuator import steps
from actuator.api import Gate, failed, guarded
from actuator.configs.hosts import Host
from actuator.ledger import Ledger
from actuator.plan import Reached
from actuator.remote import orders
from actuator.remote.wire import MAX_COMMAND, MEANING
from actuator.schema import step
from actuator.step import Lane, Step

WAITS = 300.0
"""Seconds within which a command that waits for others on its target must begin."""


def remote_blueprint(
    hosts: Mapping[str, Host], ledger: Ledger, wake: Callable[[], None], gate: Gate
) -> Blueprint:
    """Reading needs the role `viewer`, sending `operator`."""
    api = guarded("remote", gate)

    @api.get("/commands/<key>")
    def command(key: str) -> Response:
        full = f"command/{key}"
        query = select(step.c.state, step.c.detail).where(step.c.key == full)
        row = ledger.read(lambda connection: connection.execute(query).first())
        if row is None:
            return failed(404, f"no command {key}")
        order = ledger.read(lambda connection: orders.by_step(connection, full))
        code = None if order is None else order.code
        return jsonify({
            "state": row.state, "detail": row.detail, "task_id": None if order is None else order.task_id,
            "code": code, "meaning": MEANING.get(code) if code is not None else None,
            "output": "" if order is None else order.output,
        })  # fmt: skip

    @api.post("/commands")
    def send() -> Response:
        wanted = _wanted(request.get_json(silent=True), hosts, g.caller or "operator")
        if isinstance(wanted, Response):
            return wanted
        key, planned = wanted
        ledger.write(lambda connection: _plan(connection, planned))
        wake()
        accepted = jsonify({"key": key})
        accepted.status_code = 202
        return accepted

    return api


def _plan(connection: Connection, planned: Step) -> None:
    steps.add(connection, planned, time.time())


def _wanted(body: object, hosts: Mapping[str, Host], by: str) -> tuple[str, Step] | Response:
    if not isinstance(body, dict):
        return failed(400, "send a JSON object with host, and service and command, or config")
    name = str(body.get("host"))
    if name not in hosts:
        return failed(404, f"no host {name} in actuator.yml; known: {', '.join(hosts) or 'there are none'}")
    config, service, word = body.get("config"), body.get("service", ""), body.get("command", "")
    if config is None and not (isinstance(service, str) and isinstance(word, str) and service and word):
        return failed(400, "service and command must be texts")
    if config is not None and (not isinstance(config, str) or len(config.encode()) > MAX_COMMAND // 2):
        return failed(400, f"config must be a text of at most {MAX_COMMAND // 2} bytes")
    timeout = body.get("timeout", hosts[name].timeout)
    if isinstance(timeout, bool) or not isinstance(timeout, int | float) or not 0 < timeout <= 86400:
        return failed(400, "timeout must be seconds, at most a day")
    about = body.get("about")
    if about is not None and (isinstance(about, bool) or not isinstance(about, int)):
        return failed(400, "about must be a task_id")
    key = uuid.uuid4().hex
    what = {"service": service, "command": word, "about": about} if config is None else {
        "service": "config", "command": "replace", "config": config,
    }  # fmt: skip
    planned = order(f"command/{key}", str(name), hosts[name], what, float(timeout), f"asked for by {by}")
    return key, planned


def order(
    key: str, name: str, host: Host, what: Mapping[str, object], timeout: float, reason: str, **more: object
) -> Step:
    """The step that sends a command; `more` are further arguments."""
    target = reached(name, host).target(str(what["service"]))
    return Step(
        key=key,
        action="recover",
        target=target,
        reason=reason,
        lane=Lane.REMOTE,
        arguments={"host": name, "timeout": timeout, **what, **more},
        not_after=time.time() + WAITS,
    )


def reached(name: str, host: Host) -> Reached:
    """A host as planning needs it."""
    return Reached(name, host.timeout, host.remembers)
