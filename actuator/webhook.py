"""POST /alerts: authenticate, parse, store, answer. Nothing is performed inside the request.

Alertmanager retries 5xx at once and 4xx at its next group interval, and gives up on neither while the
alert fires; so 200 means committed, 503 means ask again, 4xx means that the sender must be mended.
"""

import json
import logging
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field

from flask import Blueprint, Response, jsonify, request
from sqlalchemy import Connection
from werkzeug.exceptions import RequestEntityTooLarge

from actuator import episodes, steps
from actuator.alert import Alert, BadPayloadError, Delivery, parse_delivery
from actuator.auth import Gatekeeper, caller_of
from actuator.ledger import Ledger, LedgerError
from actuator.metrics import Metrics
from actuator.plan import Playbook, plan
from actuator.schema import quarantine

log = logging.getLogger(__name__)

MAX_BODY = 8 * 1024 * 1024
"""Bytes of a delivery: a thousand alerts may come, and a long expression in `generatorURL` makes one 3 kB."""
WATCHDOG = "Watchdog"
"""The alert that always fires: it proves that the path works and asks for nothing else."""


@dataclass(slots=True)
class Accepted:
    """What one delivery came to."""

    accepted: int = 0
    duplicate: int = 0
    planned: int = 0
    placements: list[str] = field(default_factory=list)
    asked_again: set[str] = field(default_factory=set)
    """Groups that alerts go on asking to look, whose question was put before."""


class Intake:
    """Stores deliveries: episodes, steps and quarantine in one transaction."""

    def __init__(
        self,
        ledger: Ledger,
        playbook: Playbook,
        metrics: Metrics,
        wake: Callable[[], None],
        clock: Callable[[], float],
        again: Callable[[str], None],
    ) -> None:
        """`again` is told of each group that an alert asks to look once more: it fires on."""
        self._ledger = ledger
        self._playbook = playbook
        self._metrics = metrics
        self._wake = wake
        self._clock = clock
        self._again = again

    def store(self, delivery: Delivery) -> Accepted:
        """Commit a delivery. Raises LedgerError when that is not possible; nothing is kept then."""
        now = self._clock()
        work = [alert for alert in delivery.alerts if alert.name != WATCHDOG]
        result = self._ledger.write(lambda connection: self._write(connection, work, delivery, now))
        if len(work) < len(delivery.alerts):
            self._metrics.watchdog_seen(WATCHDOG, now)
        for placement in result.placements:
            self._metrics.alerts.labels(placement).inc()
        self._metrics.quarantined.inc(len(delivery.bad))
        self._metrics.truncated.inc(delivery.truncated)
        if delivery.truncated:
            log.warning("Alertmanager left out %d alerts: set max_alerts to 0", delivery.truncated)
        if result.planned:
            self._wake()
        for group in result.asked_again:
            self._again(group)
        return result

    def _write(
        self, connection: Connection, alerts: list[Alert], delivery: Delivery, now: float
    ) -> Accepted:  # fmt: skip
        result = Accepted()
        if len(alerts) < len(delivery.alerts):
            episodes.watchdog_came(connection, now)
        for bad in delivery.bad:
            connection.execute(
                quarantine.insert().values(received_at=now, reason=bad.reason, payload=bad.payload)
            )
        for alert in alerts:
            placed = episodes.record(connection, alert, now)
            result.placements.append(placed.placement)
            added = 0
            for planned in plan(
                alert, placed.placement, placed.episode, self._playbook, now, delivery.external_url
            ):
                new = steps.add(connection, planned.step, now, skip=planned.refused, wait=planned.wait)
                added += new
                if not new and planned.asks is not None:
                    result.asked_again.add(planned.asks)
            result.planned += added
            if placed.placement.opens or added:
                result.accepted += 1
            else:
                result.duplicate += 1
        return result


def alerts_blueprint(intake: Intake, gatekeeper: Gatekeeper, metrics: Metrics) -> Blueprint:
    """The route that Alertmanager's webhook is pointed at."""
    blueprint = Blueprint("alerts", __name__)

    @blueprint.post("/alerts")
    def alerts() -> Response:
        number = uuid.uuid4().hex[:12]
        response = _answer(intake, gatekeeper, number)
        metrics.requests.labels(str(response.status_code)).inc()
        if response.status_code >= 400:
            log.warning(
                "delivery not accepted",
                extra={
                    "fields": {"request": number, "code": response.status_code, "from": request.remote_addr}
                },
            )
        return response

    return blueprint


def _answer(intake: Intake, gatekeeper: Gatekeeper, number: str) -> Response:
    verdict = gatekeeper.webhook(caller_of(request.remote_addr, dict(request.headers), request.method))
    if not verdict.allowed:
        response = _no(verdict.status, verdict.why, number)
        if verdict.status == 401:
            response.headers["WWW-Authenticate"] = "Bearer"
        return response
    if request.mimetype != "application/json":
        return _no(415, "send application/json", number)
    try:
        delivery = parse_delivery(json.loads(request.get_data()))
    except RequestEntityTooLarge:
        return _no(413, f"the body is larger than {MAX_BODY} bytes", number)
    except (BadPayloadError, ValueError, RecursionError) as error:
        return _no(400, str(error) if isinstance(error, BadPayloadError) else "the body is no JSON", number)
    try:
        result = intake.store(delivery)
    except LedgerError as error:
        return _no(503, str(error), number)
    return jsonify(
        {
            "accepted": result.accepted,
            "duplicate": result.duplicate,
            "planned": result.planned,
            "quarantined": len(delivery.bad),
            "request_id": number,
        }
    )


def _no(status: int, why: str, number: str) -> Response:
    response = jsonify({"error": why, "request_id": number})
    response.status_code = status
    return response
