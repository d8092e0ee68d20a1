"""POST /collectd: pass collectd's notifications on to Alertmanager, so that they end as well as begin."""

import json
import time

from flask import Blueprint, Response, jsonify, request

from actuator.auth import Gatekeeper, caller_of
from actuator.collectd import BadNotificationError, alerts
from actuator.configs.collectd import Collectd
from nodekit import http

TIMEOUT = 5.0
"""Seconds that Alertmanager has to take them."""


def collectd_blueprint(config: Collectd, gatekeeper: Gatekeeper) -> Blueprint:
    """The route that collectd's write_http is pointed at; who may use it is as for /alerts."""
    blueprint = Blueprint("collectd", __name__)
    session = http.session()

    @blueprint.post("/collectd")
    def notifications() -> Response:
        verdict = gatekeeper.webhook(caller_of(request.remote_addr, dict(request.headers), request.method))
        if not verdict.allowed:
            return _no(verdict.status, verdict.why)
        try:
            found = alerts(json.loads(request.get_data()), time.time(), config.keep)
        except BadNotificationError as error:
            return _no(400, str(error))
        except (ValueError, RecursionError):
            return _no(400, "the body is no JSON")
        try:
            http.request(
                session, "POST", f"{config.alertmanager}/api/v2/alerts", timeout=TIMEOUT,
                body=json.dumps(found).encode(), headers={"Content-Type": "application/json"},
            )  # fmt: skip
        except http.HttpError as error:
            return _no(503, f"Alertmanager did not take it: {error}")
        return jsonify({"alerts": len(found)})

    return blueprint


def _no(status: int, why: str) -> Response:
    answer = jsonify({"error": why, "refusals": []})
    answer.status_code = status
    return answer
