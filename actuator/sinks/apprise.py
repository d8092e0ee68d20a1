"""Sink `apprise`: one of the services of the optional package apprise. At least once.

Apprise only says yes or no, so every no is temporary until the message is a day old.
"""

import contextlib
import importlib
import logging
from typing import Any

from actuator.configs.sinks import AppriseSink
from actuator.message import Message, Tone, plain
from actuator.notify.budget import Rate
from actuator.sinks.sending import Sending, reveal
from actuator.sinks.verdict import Outcome, Verdict

NAME = "apprise"
KINDS = {Tone.GOOD: "success", Tone.WARNING: "warning", Tone.DANGER: "failure"}


class Apprise:
    """Sends through one apprise URL."""

    rates: tuple[Rate, ...] = (Rate(1, 2.0),)
    remembers = 0.0

    def __init__(self, name: str, config: AppriseSink) -> None:
        """Import apprise. Raises ValueError when it is not installed."""
        self._shown = f"apprise ({name})"
        self._config = config
        self._library: Any = None
        try:
            self._library = importlib.import_module("apprise")
        except ImportError:
            raise ValueError("apprise is not installed: pip install 'chainwarden[apprise]'") from None
        logging.getLogger("apprise").setLevel(logging.CRITICAL)  # its lines quote the URL

    def fits(self, message: Message, *, simple: bool = False) -> bool:
        """Whether the text needs at most `max_bytes`."""
        return simple or len(plain(message).encode()) <= self._config.max_bytes

    def send(self, message: Message, sending: Sending) -> Verdict:  # noqa: ARG002 - of the interface
        """Send one message. Raises UnreadableSecretError."""
        service = self._library.Apprise()
        if not service.add(reveal(self._config.url_file)):
            return Verdict(Outcome.BROKEN, f"{self._shown}: apprise does not understand the URL")
        body = plain(message).partition("\n")[2] or message.title
        with contextlib.suppress(TypeError):  # apprise raises it for a message without any text
            if service.notify(body=body, title=message.title, notify_type=KINDS[message.tone]):
                return Verdict(Outcome.DELIVERED, f"delivered to {self._shown}")
        return Verdict(Outcome.LATER, f"{self._shown}: not delivered; apprise gives no reason")
