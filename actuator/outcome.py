"""What became of a recovery, or why there was no failover, told to whoever was told of its alert.

The alert's own message is sent when the command has only begun: giving a node another endpoint takes minutes.
"""

from sqlalchemy import Connection, select

from actuator import steps
from actuator.message import LAST, Note, Tone, as_arguments
from actuator.schema import episode as episodes
from actuator.schema import step as rows
from actuator.step import Lane, Receipt, State, Step

TONES = {
    State.OK: Tone.GOOD, State.FAILED: Tone.DANGER, State.UNKNOWN: Tone.WARNING, State.SKIPPED: Tone.WARNING
}  # fmt: skip
WORDS = ("command", "service", "host", "group")
"""What an action is about, as templates name it."""
GONE = (State.OK, State.EXECUTING)
"""States of an alert's message that can no longer say what was never begun, and why."""


def tell(connection: Connection, key: str, receipt: Receipt, now: float) -> None:
    """Plan one message to each sink that was told of the alert for which the step `key` was performed.

    Once for each outcome: one that comes late is told besides *unknown*. Steps of operators are their own.
    """
    row = connection.execute(select(rows).where(rows.c.key == key)).first()
    if row is None or row.episode is None or receipt.state not in TONES or receipt.retry_in is not None:
        return
    if row.lane == Lane.ASK:
        if receipt.state is State.OK:
            return  # a takeover tells of itself
    elif row.lane != Lane.REMOTE:
        return
    labels = connection.scalar(select(episodes.c.labels).where(episodes.c.id == row.episode)) or {}
    asked = row.arguments if row.lane == Lane.REMOTE else {"group": row.group or row.target.partition(":")[2]}
    note = _note(asked, labels, receipt)
    told = (
        select(rows.c.action, rows.c.target)
        .where(rows.c.episode == row.episode, rows.c.lane == Lane.NOTIFY)
        .distinct()
    )
    if receipt.state is State.SKIPPED:
        told = told.where(rows.c.state.in_(GONE))
    for action, target in connection.execute(told).all():
        sink = target.removeprefix("sink:")
        message = Step(
            key=f"{key}/{receipt.state}/{sink}",
            action=action,
            target=target,
            reason=f"{row.target}: {receipt.state}",
            lane=Lane.NOTIFY,
            arguments=as_arguments(sink, note),
            episode=row.episode,
        )
        steps.add(connection, message, now)


def _note(asked: dict[str, object], labels: dict[str, str], receipt: Receipt) -> Note:
    pairs = sorted(labels.items())
    others = ", ".join(f"{key}={text}" for key, text in pairs if key not in ("alertname", "severity"))
    return Note(
        kind="outcome",
        urgency=1 if receipt.state is not State.OK else LAST,
        group="",
        # Without a severity it calls nobody: the alert has.
        severity="",
        values={
            "state": str(receipt.state),
            "tone": TONES[receipt.state].value,
            **{word: str(asked[word]) for word in WORDS if word in asked},
            "alert": labels.get("alertname", "-") + (f" ({others})" if others else ""),
            "said": receipt.detail,
        },
    )
