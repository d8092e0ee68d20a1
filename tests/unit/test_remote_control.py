"""What an agent's answer to pause and resume means for a failover group."""

from types import SimpleNamespace
from typing import Any

import pytest

from actuator.actions.production import Production
from actuator.remote.control import AgentControl
from actuator.remote.sender import NotSentError
from actuator.remote.wire import QUEUED, STOPPED
from actuator.step import Claimed, Receipt, State, Step
from nodekit.nodeos import Nodeos


class Agent:
    """A sender whose agent answers with one code, or not at all."""

    def __init__(self, code: int | None) -> None:
        self.code = code

    def send(self, *_words: object, **_members: object) -> Any:
        """As Sender.send."""
        if self.code == -1:
            raise NotSentError("the broker is away")
        return None if self.code is None else SimpleNamespace(code=self.code, output="so it is")


@pytest.mark.parametrize(
    ("code", "found"), [(STOPPED, True), (1, False), (0, False), (0x1003, False), (None, False), (-1, False)],
    ids=["stopped", "it runs", "done", "an older agent", "silent", "not sent"],
)  # fmt: skip
def test_only_one_answer_says_that_a_node_is_stopped(code: int | None, *, found: bool) -> None:
    reader = Nodeos("http://127.0.0.1:9")
    control = AgentControl(Agent(code), "h", "nodeos", "bp", lambda: 7, reader)  # type: ignore[arg-type]

    assert control.stopped() is found


def told(verb: str, code: int | None) -> Receipt:
    reader = Nodeos("http://127.0.0.1:9")  # nobody listens: what it acknowledged cannot be read back
    control = AgentControl(Agent(code), "h", "nodeos", "bp", lambda: 7, reader)  # type: ignore[arg-type]
    step = Step(
        "k", verb, "node:bp/A", "why", arguments={"node": "A", "step": verb, "timeout": 0.1}, group="bp"
    )
    action = Production(verb, {("bp", "A"): control}, lambda _group, _node: None)
    return action.perform(Claimed(step, 1))


@pytest.mark.parametrize(
    ("verb", "code", "state", "evidence"),
    [
        ("pause", STOPPED, State.OK, "stopped"),
        ("pause", QUEUED, State.UNKNOWN, "queued"),
        ("pause", 1, State.UNKNOWN, "kept"),
        ("resume", 1, State.UNKNOWN, ""),
        ("pause", 0x1002, State.UNKNOWN, ""),
        ("pause", None, State.UNKNOWN, ""),
        ("pause", -1, State.FAILED, ""),
    ],
    ids=["stopped", "queued", "took it", "resume", "refused it", "silent", "not sent"],
)
def test_only_an_agent_that_took_a_pause_leaves_evidence(
    verb: str, code: int | None, state: State, evidence: str
) -> None:
    receipt = told(verb, code)

    assert (receipt.state, receipt.evidence) == (state, evidence)
