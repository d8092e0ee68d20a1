"""A channel of the outbox with a clock that tests set, and a sink that remembers what it was told."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sqlalchemy import select

from actuator import steps
from actuator.alert import Alert
from actuator.configs.sinks import SlackSink
from actuator.ledger import Ledger
from actuator.message import Message, Note, alert_note, as_arguments, plain
from actuator.notify import outbox
from actuator.notify.budget import Rate
from actuator.notify.notifier import Notifier
from actuator.notify.texts import Texts
from actuator.schema import delivery, step
from actuator.sinks.sending import Sending
from actuator.sinks.verdict import Outcome, Verdict
from actuator.step import Lane, Step
from nodekit.settings import SecretFile

TEXTS = Texts()
FINE = Verdict(Outcome.DELIVERED, "delivered")


@dataclass
class Spoken:
    """A sink that takes `limit` bytes, and says what tests put into `verdicts`."""

    rates: tuple[Rate, ...] = (Rate(1, 1.0),)
    limit: int = 4000
    remembers: float = 0.0
    messages: list[Message] = field(default_factory=list)
    sendings: list[Sending] = field(default_factory=list)
    verdicts: list[Verdict | Exception] = field(default_factory=list)

    def fits(self, message: Message, *, simple: bool = False) -> bool:
        return len(plain(message).encode()) <= self.limit

    def send(self, message: Message, sending: Sending) -> Verdict:
        self.messages.append(message)
        self.sendings.append(sending)
        verdict = self.verdicts.pop(0) if self.verdicts else FINE
        if isinstance(verdict, Exception):
            raise verdict
        return verdict

    @property
    def text(self) -> str:
        """All that was said."""
        return "\n".join(plain(message) for message in self.messages)


class Bench:
    """Sinks by name on one ledger; `run` lets time pass."""

    def __init__(self, ledger: Ledger, sinks: dict[str, Spoken], **options: Any) -> None:
        self.ledger = ledger
        self.sinks = sinks
        self.now = 1_000_000.0
        self.ended: list[tuple[str, str]] = []
        secret = SecretFile(Path("/nowhere"))
        self.configs = {
            name: SlackSink(type="slack", webhook_url_file=secret, **options.get(name, {})) for name in sinks
        }
        self.notifier = self.another()

    def another(self) -> Notifier:
        """A further actuator on the same ledger."""
        return Notifier(
            self.ledger, self.configs, self.sinks, texts=TEXTS, language="en", told=lambda *_: None,
            ended=lambda _, settled: self.ended.append((settled.state, settled.detail)), clock=lambda: self.now,
        )  # fmt: skip

    def plan(
        self, note: Note, sink: str = "ops", key: str = "", wait: float = 0.0, episode: int | None = None
    ) -> None:
        """Plan one notification."""
        self.count = getattr(self, "count", 0) + 1
        one = Step(
            key=key or f"k{self.count}", action="slack", target=outbox.target(sink), reason="r",
            lane=Lane.NOTIFY, arguments=as_arguments(sink, note), episode=episode,
        )  # fmt: skip
        self.ledger.write(lambda connection: steps.add(connection, one, self.now, wait=wait))

    def run(self, seconds: float, *sinks: str) -> None:
        """Let the channels work for so long."""
        end = self.now + seconds
        while self.now <= end:
            waits = [self.notifier.channels[name].turn() for name in sinks or self.sinks]
            self.now += max(0.01, min(waits))

    def states(self) -> dict[str, str]:
        """Step key → state."""
        query = select(step.c.key, step.c.state)
        rows = self.ledger.read(lambda connection: connection.execute(query).all())
        return {row.key: row.state for row in rows}

    def details(self) -> list[str]:
        """Details of all steps."""
        rows = self.ledger.read(lambda connection: connection.execute(select(step.c.detail)).all())
        return [row.detail for row in rows]

    def outcomes(self) -> list[str]:
        """Outcomes in the delivery log."""
        rows = self.ledger.read(lambda connection: connection.execute(select(delivery.c.outcome)).all())
        return [row.outcome for row in rows]


def note(name: str, severity: str = "warning", status: str = "firing", **texts: str) -> Note:
    """A note of an alert on node `name`."""
    labels = {"alertname": "T", "severity": severity, "node": name}
    ended = 999_990.0 if status == "resolved" else None
    return alert_note(Alert(status, "f", labels, {"summary": "broken", **texts}, 999_900.0, ends_at=ended))


def opened(path: Path) -> Iterator[Ledger]:
    """A fresh ledger."""
    ledger = Ledger(f"sqlite:///{path}/l.db")
    yield ledger
    ledger.close()
