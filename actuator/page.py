"""The status page: groups, nodes with their reasons, incidents, steps, messages. It reads what the API reads.

Buttons send JSON to the API, as the CLI does: a form of another site cannot, so that no token is needed.
"""

import secrets
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from importlib.metadata import version
from typing import Any

from flask import Blueprint, Response, make_response, request
from jinja2 import Environment, PackageLoader, StrictUndefined

from actuator import groups, steps
from actuator.api import Gate
from actuator.failover.watch import GroupWatch
from actuator.ledger import Ledger
from actuator.notify import outbox
from actuator.status import group_status, incident_row, step_row

INCIDENTS, STEPS, DELIVERIES = 10, 15, 10
"""Rows that the page shows, newest first."""


def page_blueprint(watches: Mapping[str, GroupWatch], ledger: Ledger, gate: Gate) -> Blueprint:
    """The route `/`; reading needs the role `viewer`."""
    page = Blueprint("page", __name__)
    environment = templates()

    @page.get("/")
    def home() -> Response:
        _, refused = gate("viewer")
        if refused is not None:
            return refused
        nonce = secrets.token_urlsafe(16)
        shown = render(environment, look(watches, ledger), nonce, part="part" in request.args)
        policy = (
            f"default-src 'none'; style-src 'nonce-{nonce}'; script-src 'nonce-{nonce}'; connect-src 'self'; "
            "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
        )
        headers = {"Content-Security-Policy": policy, "Cache-Control": "no-store"}
        return make_response(shown, 200, {**headers, "Content-Type": "text/html; charset=utf-8"})

    return page


def templates() -> Environment:
    """What renders the page: it escapes, and a name that it does not know is an error."""
    environment = Environment(
        loader=PackageLoader("actuator", "templates"), autoescape=True, undefined=StrictUndefined
    )  # fmt: skip
    environment.filters.update(utc=utc, ago=ago)
    return environment


def render(environment: Environment, seen: Mapping[str, Any], nonce: str, *, part: bool) -> str:
    """The page's HTML; everything that came from outside is escaped. `part`: without style and script."""
    template = environment.get_template("page.html")
    return template.render(**seen, nonce=nonce, part=part, version=version("chainwarden"))


def look(watches: Mapping[str, GroupWatch], ledger: Ledger) -> dict[str, Any]:
    """What the page shows, as JSON values. Raises LedgerError."""
    views = [view for watch in watches.values() if (view := watch.view()) is not None]
    return {
        "now": time.time(),
        "groups": [group_status(view) for view in views],
        "incidents": [
            incident_row(row) for row in ledger.read(lambda link: groups.incidents(link, None, INCIDENTS))
        ],
        "steps": [step_row(row) for row in ledger.read(lambda link: steps.latest(link, STEPS))],
        "deliveries": ledger.read(lambda link: outbox.deliveries(link, DELIVERIES)),
    }


def utc(moment: float | None) -> str:
    """`2026-12-01 03:00:00`, in UTC; a dash for an unknown moment."""
    return "-" if moment is None else f"{datetime.fromtimestamp(moment, UTC):%Y-%m-%d %H:%M:%S}"


def ago(seconds: float) -> str:
    """A time span in the unit that a person would choose: `4 s`, `12 min`, `3 h`, `2 d`."""
    for size, unit in ((86400.0, "d"), (3600.0, "h"), (60.0, "min")):
        if seconds >= 2 * size:
            return f"{seconds / size:.0f} {unit}"
    return f"{seconds:.0f} s"
