"""What the page's buttons do: who may press one, that it was pressed here, and what came of it."""

import hmac
import logging
import secrets
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from urllib.parse import parse_qs

from actuator.agent.builtin import Outcome
from actuator.agent.journal import JournalError
from actuator.agent.watch.commands import known
from actuator.agent.watch.policy import Phase
from actuator.agent.watch.view import View
from actuator.auth import Gatekeeper, caller_of
from actuator.configs.auth import Auth, Operator

log = logging.getLogger(__name__)

SHOWN = 10
"""Commands that the page still shows."""
LONGEST = 4096
"""Bytes of a form."""


@dataclass(frozen=True, slots=True)
class Pressed:
    """One command by the page. `code` is None while it is under way."""

    at: float
    """Unix seconds."""
    by: str
    service: str
    command: str
    code: int | None = None
    said: str = ""


@dataclass(frozen=True, slots=True)
class Answer:
    """What a press is answered with at once: an HTTP status and, unless it was taken, why not."""

    status: str
    why: str = ""
    ask: bool = False
    """Whether the browser shall ask for a name and a password."""


class Buttons:
    """The commands of all services, for operators with a password; none when there are no operators."""

    def __init__(
        self, operators: Mapping[str, Operator], run: Callable[[str, str], Outcome],
        clock: Callable[[], float] = time.time,
    ) -> None:  # fmt: skip
        """`run`: as Watchdog.run."""
        self.there = bool(operators)
        self.token = secrets.token_urlsafe(24)
        """In every form of ours: another site cannot know it."""
        self._gate = Gatekeeper(Auth(operators=dict(operators)), loopback=False)
        self._run = run
        self._clock = clock
        self._lock = threading.Lock()
        self._pressed: deque[Pressed] = deque(maxlen=SHOWN)

    def newest(self) -> Sequence[Pressed]:
        """What was pressed, the newest first."""
        with self._lock:
            return tuple(reversed(self._pressed))

    def knows(self, authorization: str) -> bool:
        """Whether name and password are of an operator, or of a viewer."""
        return (
            self.there
            and self._gate.operator(caller_of("", {"Authorization": authorization}, "GET"), "viewer").allowed
        )

    def press(self, form: bytes, views: Sequence[View], address: str, authorization: str) -> Answer:
        """Begin a command; it goes on after the answer."""
        said = self._gate.operator(caller_of(address, {"Authorization": authorization}, "POST"), "operator")
        if not said.allowed:
            status = "401 Unauthorized" if said.status == 401 else "403 Forbidden"
            return Answer(status, said.why, ask=said.status == 401)
        fields = {key: values[0] for key, values in parse_qs(form.decode("utf-8", "replace")).items()}
        if not hmac.compare_digest(fields.get("token", "").encode(), self.token.encode()):
            return Answer(
                "403 Forbidden", "this form is not from this page, or the agent started anew: reload"
            )
        service, command = fields.get("service", ""), fields.get("command", "")
        view = next((one for one in views if one.name == service), None)
        if view is None or command not in known(watched=view.watched):
            return Answer("404 Not Found", f"there is no command {command} of a service {service}")
        with self._lock:
            if any(one.service == service and one.code is None for one in self._pressed):
                return Answer("409 Conflict", f"another command of {service} is under way")
            began = Pressed(self._clock(), said.name, service, command)
            self._pressed.append(began)
        threading.Thread(target=self._do, args=(began,), name=f"page-{service}", daemon=True).start()
        return Answer("303 See Other")

    def _do(self, began: Pressed) -> None:
        try:
            outcome = self._run(began.service, began.command)
        except JournalError as error:
            outcome = Outcome(1, str(error))
        done = replace(began, code=outcome.code, said=outcome.output)
        with self._lock:
            for place, one in enumerate(self._pressed):
                if one == began:
                    self._pressed[place] = done
        log.info("service %s: %s by the page", began.service, began.command, extra={"fields": {
            "by": began.by, "code": outcome.code, "said": outcome.output}})  # fmt: skip


def offered(view: View) -> tuple[str, ...]:
    """The commands that have a sense now."""
    moves: tuple[str, ...] = ("restart", "stop") if view.alive else ("start",)
    if view.phase is Phase.UNKNOWN:
        moves = ()
    if not view.watched:
        return moves
    left_alone = view.phase is Phase.UNMONITORED
    armed = ("monitor",) if left_alone or view.memory.gave_up is not None else ()
    return (*moves, *armed, *(() if left_alone else ("unmonitor", "unmonitor-1h")))
