"""Action `recover`: have a host's agent run a command that the agent's own config defines.

At most once: after a crash no new command is sent; an agent that remembers is asked for the result.
"""

import time
from collections.abc import Mapping

from sqlalchemy import Connection, select

from actuator.ledger import Ledger
from actuator.remote import orders
from actuator.remote.sender import NotSentError, Sender
from actuator.schema import step as steps
from actuator.step import Claimed, Receipt, State, Step

NAME = "recover"
DELIVERY = "at_most_once"
HOUR = 3600.0


class Recover:
    """Performs `recover` steps; arguments: host, service, command, timeout, and the rule's limits."""

    def __init__(self, ledger: Ledger, sender: Sender | None) -> None:
        self._ledger = ledger
        self._sender = sender

    def verify(self, step: Step) -> str | None:
        """Why it must not be sent now: the rule's limits."""
        if self._sender is None:
            return "no broker is configured"
        cooldown, per_hour = step.arguments.get("cooldown"), step.arguments.get("per_hour")
        if not isinstance(cooldown, int | float) or not isinstance(per_hour, int):
            return None  # an operator asked for it
        now = time.time()
        ended = self._ledger.read(lambda connection: _ended(connection, step, now - max(HOUR, cooldown)))
        if ended and now - max(ended) < cooldown:
            return f"the last one ended {now - max(ended):.0f} s ago, within the cooldown of {cooldown:g} s"
        if sum(moment > now - HOUR for moment in ended) >= per_hour:
            return f"{per_hour} within the last hour, the limit"
        return None

    def perform(self, claimed: Claimed) -> Receipt:
        """Send it and wait for the result."""
        assert self._sender is not None  # noqa: S101 - verify refuses without one
        asked: Mapping[str, object] = claimed.step.arguments
        config = asked.get("config")
        try:
            answer = self._sender.send(
                str(asked["host"]), str(asked["service"]), str(asked["command"]),
                float(str(asked["timeout"])), step=claimed.step.key,
                config=config if isinstance(config, str) else None, about=asked.get("about"),
            )  # fmt: skip
        except NotSentError as error:
            return Receipt(State.FAILED, str(error))
        if answer is None:
            return Receipt(
                State.UNKNOWN,
                f"no result within {float(str(asked['timeout'])):g} s; a late one is still noted",
            )
        return Receipt(orders.state_of(answer.code), orders.told(answer.code, answer.output))

    def recover(self, claimed: Claimed) -> Receipt:
        """What is known after a crash in the middle."""
        row = self._ledger.read(lambda connection: orders.by_step(connection, claimed.step.key))
        if row is None:
            return Receipt(State.FAILED, "interrupted by a restart before it was sent")
        if row.answered_at is None:
            return Receipt(State.UNKNOWN, "interrupted by a restart once it was sent; a late result is noted")
        return Receipt(orders.state_of(row.code), orders.told(row.code, row.output))


def _ended(connection: Connection, step: Step, since: float) -> list[float]:
    """When the same command on the same host was performed before."""
    query = select(steps.c.finished_at, steps.c.arguments).where(
        steps.c.action == NAME, steps.c.finished_at > since, steps.c.key != step.key,
        steps.c.state.in_([State.OK, State.FAILED, State.UNKNOWN]),
    )  # fmt: skip
    same = ("host", "service", "command")
    return [
        float(row.finished_at)
        for row in connection.execute(query)
        if all(row.arguments.get(word) == step.arguments[word] for word in same)
    ]
