"""The operator tool's side of the actuator's API."""

import base64
import json
import ssl
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from nodekit.http import HttpError, Reason, request, session

TIMEOUT = 15.0
"""Seconds; a request waits for one decision of the watch loop."""


class ApiError(Exception):
    """The actuator could not be asked, or said no; `status` is its HTTP status if it answered.

    `arrived`: the request may have reached it.
    """

    def __init__(
        self,
        message: str,
        status: int | None = None,
        refusals: tuple[str, ...] = (),
        *,
        arrived: bool = True,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.refusals = refusals
        self.arrived = arrived


class Client:
    """Calls the API of one actuator. Every call raises ApiError."""

    def __init__(
        self, url: str, credentials: tuple[str, str] | None = None, ca_file: Path | None = None
    ) -> None:
        """`ca_file`: of who signed the actuator's certificate, when this machine does not know them."""
        if not url.startswith(("http://", "https://")):
            raise ApiError(f"{url!r} is no address of an actuator; write one such as http://127.0.0.1:19189")
        self._url = url.rstrip("/")
        self._http = session()
        if ca_file is not None:
            self._http.verify = _readable(ca_file)
        self._headers = {"Content-Type": "application/json", "Accept": "application/json"}
        if credentials is not None:
            token = base64.b64encode(":".join(credentials).encode()).decode()
            self._headers["Authorization"] = f"Basic {token}"

    def status(self) -> list[dict[str, Any]]:
        """All groups."""
        return list(self._call("GET", "/api/status")["groups"])

    def group(self, name: str) -> dict[str, Any]:
        """One group's status."""
        return self._call("GET", f"/api/groups/{name}")

    def explain(self, name: str) -> list[str]:
        """Why a group would or would not act now."""
        return list(self._call("GET", f"/api/groups/{name}/explain")["lines"])

    def history(self, limit: int) -> dict[str, Any]:
        """The newest incidents and steps."""
        return self._call("GET", f"/api/history?limit={limit}")

    def incident(self, name: str, epoch: int) -> dict[str, Any]:
        """One incident."""
        return self._call("GET", f"/api/groups/{name}/incidents/{epoch}")

    def switchover(self, name: str, to: str, not_before: float = 0.0) -> int:
        """Ask for a switchover; the epoch of the incident that was opened."""
        wish = {"to": to, "not_before": not_before}
        return int(self._call("POST", f"/api/groups/{name}/switchover", wish)["epoch"])

    def dry_run(self, name: str, to: str, not_before: float = 0.0) -> list[str]:
        """What a switchover would lead to now."""
        wish = {"to": to, "not_before": not_before, "dry_run": True}
        return list(self._call("POST", f"/api/groups/{name}/switchover", wish)["lines"])

    def unschedule(self, name: str) -> None:
        """Forget a scheduled switchover."""
        self._call("POST", f"/api/groups/{name}/unschedule", {})

    def hold(self, name: str, node: str, seconds: float, reason: str) -> None:
        """Keep a node (or `*`, the group) from being moved by automation."""
        self._call("POST", f"/api/groups/{name}/hold", {"node": node, "seconds": seconds, "reason": reason})

    def unhold(self, name: str, node: str) -> None:
        """End a hold."""
        self._call("POST", f"/api/groups/{name}/unhold", {"node": node})

    def release(self, name: str) -> None:
        """Hand a latched group back to automation."""
        self._call("POST", f"/api/groups/{name}/release", {})

    def test_notify(self, sink: str) -> str:
        """Have a test message sent; the key to ask for its outcome."""
        return str(self._call("POST", "/api/test-notify", {"sink": sink})["key"])

    def notification(self, key: str) -> dict[str, Any]:
        """What became of a test message."""
        return self._call("GET", f"/api/notifications/{key}")

    def send_command(self, wish: Mapping[str, object]) -> str:
        """Have a command sent to a host's agent; the key to ask for its outcome."""
        return str(self._call("POST", "/api/commands", wish)["key"])

    def command(self, key: str) -> dict[str, Any]:
        """What became of a command."""
        return self._call("GET", f"/api/commands/{key}")

    def deliveries(self, limit: int) -> list[dict[str, Any]]:
        """The newest attempts to send a message."""
        return list(self._call("GET", f"/api/deliveries?limit={limit}")["deliveries"])

    def _call(self, method: str, path: str, body: Mapping[str, object] | None = None) -> dict[str, Any]:
        data = None if body is None else json.dumps(body).encode()
        try:
            answer = request(
                self._http, method, self._url + path, timeout=TIMEOUT, body=data, headers=self._headers
            )
            found = json.loads(answer.body)
        except HttpError as error:
            raise _said_no(error) from None
        except ValueError:
            raise ApiError(f"{self._url} answered no JSON: is this a chainwarden actuator?") from None
        if not isinstance(found, dict):
            raise ApiError(f"{self._url} answered no JSON object: is this a chainwarden actuator?")
        return found


def _readable(ca_file: Path) -> str:
    try:
        ssl.create_default_context(cafile=str(ca_file))
    except ssl.SSLError:
        raise ApiError(f"--ca-file {ca_file}: no certificates in it", arrived=False) from None
    except OSError as error:
        raise ApiError(f"--ca-file {ca_file}: {error.strerror}", arrived=False) from None
    return str(ca_file)


def _said_no(error: HttpError) -> ApiError:
    """The actuator's own words of an error answer, when it gave any."""
    if error.status is None:
        return ApiError(str(error), arrived=error.reason not in (Reason.REFUSED, Reason.CONNECT))
    try:
        said = json.loads(error.body)
        refusals = tuple(str(item["why"]) for item in said.get("refusals", ()))
        return ApiError(str(said.get("error", error)), error.status, refusals)
    except (ValueError, KeyError, TypeError, AttributeError):
        return ApiError(str(error), error.status)
