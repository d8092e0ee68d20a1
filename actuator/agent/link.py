"""The agent's connection to the broker: commands in, results out, birth, heartbeat and last will."""

import json
import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import version
from typing import Any

import paho.mqtt.client as mqtt
from paho.mqtt.reasoncodes import ReasonCode

from actuator.agent.config import Config
from actuator.agent.journal import JournalError
from actuator.agent.metrics import Metrics
from actuator.remote.broker import client
from actuator.remote.wire import timestamp

log = logging.getLogger(__name__)

COMMANDS = 1
"""Quality of service. A command that the broker sends twice is known by its key, and is acknowledged after it
is in the journal: with 2, paho would forget a message that it acknowledged and had not given us yet."""
RESULTS, RESULTS_ONCE = 1, 2
"""A sender of ours knows a result that comes twice, and is spared the second handshake; for others the broker
must see to it. Either way a result is kept until the broker says that it has it."""


@dataclass(frozen=True, slots=True)
class Arrived:
    """A message of the command topic."""

    payload: bytes
    retained: bool
    again: bool
    """The broker says that it sent it before."""


class Link:
    """One MQTT client. What `publish` was given is sent until the broker has it, also over reconnects."""

    def __init__(
        self,
        config: Config,
        metrics: Metrics,
        arrived: Callable[[Arrived], None],
        delivered: Callable[[str], None],
        clock: Callable[[], float],
    ) -> None:
        """`arrived` and `delivered(key)` are called by the MQTT thread."""
        self._config = config
        self._metrics = metrics
        self._arrived = arrived
        self._delivered = delivered
        self._clock = clock
        self._lock = threading.Lock()
        self._keys: dict[int, str] = {}
        self._early: set[int] = set()
        """Messages that the broker took before we knew their numbers."""
        self._status = config.topics.status or f"{config.topics.result}/status"
        self._since = clock()
        self._client = client(config.mqtt, f"chainwarden-agent-{config.host}")
        self._client.will_set(self._status, self._state("down"), qos=1, retain=True)
        self._client.on_connect = self._connected
        self._client.on_disconnect = self._disconnected
        self._client.on_message = self._message
        self._client.on_publish = self._published

    def start(self) -> None:
        """Connect, and go on trying until `stop`."""
        self._client.connect_async(
            self._config.mqtt.host, self._config.mqtt.port, max(1, int(self._config.mqtt.keepalive))
        )
        self._client.loop_start()

    def stop(self) -> None:
        """Say goodbye and disconnect."""
        if self._client.is_connected():
            self._say("down").wait_for_publish(1.0)
        self._client.disconnect()
        self._client.loop_stop()

    def publish(self, key: str, payload: bytes, *, once: bool) -> None:
        """Give a result to the broker; `delivered(key)` follows when it has it. No key: nobody waits.

        `once`: whoever reads it must not get it twice.
        """
        quality = RESULTS_ONCE if once else RESULTS
        # Not under our lock: paho calls `_published` with a lock of its own held that `publish` needs.
        sent = self._client.publish(self._config.topics.result, payload, qos=quality)
        self._sent(sent, key)

    def _sent(self, sent: mqtt.MQTTMessageInfo, key: str = "") -> mqtt.MQTTMessageInfo:
        """Remember whose message it was; every message goes through here, for numbers are used again."""
        with self._lock:
            early = sent.mid in self._early
            self._early.discard(sent.mid)
            if key and not early:
                self._keys[sent.mid] = key
        if key and early:
            self._told(key)
        return sent

    def undelivered(self) -> int:
        """Results that the broker has not taken yet."""
        with self._lock:
            return len(self._keys)

    def beat(self) -> None:
        """Say that we live."""
        if self._client.is_connected():
            self._say("up")

    def _say(self, state: str) -> mqtt.MQTTMessageInfo:
        return self._sent(self._client.publish(self._status, self._state(state), qos=1, retain=True))

    def _state(self, state: str) -> str:
        return json.dumps({
            "host": self._config.host, "state": state, "since": timestamp(self._since),
            "timestamp": timestamp(self._clock()), "version": version("chainwarden"),
        })  # fmt: skip

    def _connected(self, made: mqtt.Client, _data: Any, _flags: Any, reason: ReasonCode, _more: Any) -> None:
        if reason.is_failure:
            log.error("the broker refuses us: %s", reason)
            return
        made.subscribe(self._config.topics.command, qos=COMMANDS)
        self._metrics.connected.set(1)
        self._say("up")
        log.info("connected", extra={"fields": {"broker": self._config.mqtt.host}})

    def _disconnected(
        self, _client: mqtt.Client, _data: Any, _flags: Any, reason: ReasonCode, _more: Any
    ) -> None:
        self._metrics.connected.set(0)
        log.warning("disconnected from the broker: %s", reason)

    def _message(self, made: mqtt.Client, _data: Any, message: mqtt.MQTTMessage) -> None:
        try:
            self._arrived(Arrived(bytes(message.payload), message.retain, message.dup))
        except JournalError as error:
            log.error("a command is not acknowledged: %s", error)  # the broker sends it again
            return
        except Exception:  # a message that we cannot cope with must not end this thread, nor come again
            log.exception("a message is dropped")
        made.ack(message.mid, message.qos)

    def _published(self, _client: mqtt.Client, _data: Any, mid: int, _reason: Any, _more: Any) -> None:
        with self._lock:
            key = self._keys.pop(mid, None)
            if key is None:
                self._early.add(mid)
        if key is not None:
            self._told(key)

    def _told(self, key: str) -> None:
        try:
            self._delivered(key)
        except JournalError as error:
            log.error("a delivered result will be sent again: %s", error)
