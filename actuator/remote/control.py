"""A group's node whose pause and resume go through the agent of its host; it is read directly."""

from collections.abc import Callable

from actuator.failover.control import KeptError, QueuedError, StoppedError, WritePath
from actuator.ledger import LedgerError
from actuator.remote.orders import told
from actuator.remote.sender import NotSentError, Sender
from actuator.remote.wire import QUEUED, STOPPED
from nodekit.http import HttpError, Reason
from nodekit.nodeos import Nodeos

MARGIN = 1.5
"""Seconds on top of the node's own time: the agent looks for the process when the API refuses."""
PROOF_WITHIN = 1.0
"""Seconds that an agent has to say whether a process is stopped; then it is asked anew."""
UNCONFIRMED = 1
"""The agent's code for an order that it took, and could not carry out for sure."""


class AgentControl:
    """As failover.control.Control. `epoch` says the group's epoch: the agent refuses older ones."""

    def __init__(
        self, sender: Sender, host: str, service: str, group: str, epoch: Callable[[], int], reader: Nodeos
    ) -> None:
        self._sender = sender
        self._host = host
        self._service = service
        self._group = group
        self._epoch = epoch
        self._reader = reader

    def send(self, path: WritePath, timeout: float | None = None) -> None:
        """As Control; an agent that does not answer in time leaves it open whether it is done."""
        name = "pause" if path is WritePath.PAUSE else "resume"
        where = f"agent of {self._host}"
        try:
            answer = self._sender.send(
                self._host, self._service, name, (timeout or 1.0) + MARGIN,
                group=self._group, epoch=self._epoch(),
            )  # fmt: skip
        except (NotSentError, LedgerError) as error:
            raise HttpError(Reason.REFUSED, f"{where}: {error}") from None
        if answer is None:
            raise HttpError(Reason.TIMEOUT, f"{where}: no result in time")
        if answer.code == QUEUED:
            raise QueuedError(Reason.TIMEOUT, f"{where}: {answer.output}")
        if answer.code == STOPPED:
            raise StoppedError(Reason.REFUSED, f"{where}: {answer.output}")
        if answer.code == UNCONFIRMED and path is WritePath.PAUSE:
            raise KeptError(Reason.CLOSED, f"{where}: {told(answer.code, answer.output)}")
        if answer.code != 0:
            raise HttpError(Reason.CLOSED, f"{where}: {told(answer.code, answer.output)}")

    def stopped(self) -> bool:
        """Whether the agent finds no process and its start fenced; False also when it cannot be asked."""
        try:
            answer = self._sender.send(self._host, self._service, "stopped", PROOF_WITHIN, group=self._group)
        except (NotSentError, LedgerError):
            return False
        return answer is not None and answer.code == STOPPED

    def paused(self) -> bool:
        """What the node says now. Raises HttpError."""
        return self._reader.paused()
