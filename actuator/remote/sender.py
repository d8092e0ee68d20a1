"""The side that sends commands to agents and waits for their results; one MQTT client for all hosts."""

import logging
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import paho.mqtt.client as mqtt
from paho.mqtt.reasoncodes import ReasonCode
from prometheus_client import CollectorRegistry

from actuator.configs.hosts import Host, Mqtt
from actuator.ledger import Ledger, LedgerError
from actuator.remote import orders
from actuator.remote.broker import client
from actuator.remote.metrics import SenderMetrics
from actuator.remote.wire import DUPLICATE, LONGEST_RESULT, Result, command, encode, parse_result

log = logging.getLogger(__name__)

CONNECT_WITHIN = 3.0
"""Seconds that a command waits for the broker; after that it is certain that it was not sent."""
DIGITS = 18
"""Of a task_id; ours have ten."""
ASK_AGAIN = 3.0
"""Seconds without a result after which an agent that remembers is asked again."""


class NotSentError(Exception):
    """The command did not leave this process."""


@dataclass(frozen=True, slots=True)
class Answer:
    """How a command ended."""

    code: int
    output: str


@dataclass(slots=True)
class _Pending:
    host: str
    message: Mapping[str, object]
    asked_at: float
    until: float
    answer: Answer | None = None
    refused: str | None = None


class Sender:
    """Thread safe. Results are matched by task_id, and are in the ledger before they are acknowledged."""

    def __init__(
        self, config: Mqtt, hosts: Mapping[str, Host], ledger: Ledger, registry: CollectorRegistry
    ) -> None:
        """Raises OSError, ssl.SSLError."""
        self._config = config
        self._hosts = hosts
        self._ledger = ledger
        self._changed = threading.Condition()
        self._pending: dict[int, _Pending] = {}
        self._stop = threading.Event()
        self._client = client(config, config.client_id)
        self._client.on_connect = self._connected
        self._client.on_disconnect = self._disconnected
        self._client.on_subscribe = self._subscribed
        self._client.on_message = self._message
        self._ready = threading.Event()
        self._metrics = SenderMetrics(registry)

    def start(self) -> None:
        """Connect, listen for results, and ask again for those that an earlier process waited for."""
        now = time.time()
        for row in self._ledger.read(lambda connection: orders.unanswered(connection, now)):
            if row.host in self._hosts:
                self._pending[row.task_id] = _Pending(row.host, row.message, 0.0, now + orders.LATE)
        self._client.connect_async(self._config.host, self._config.port, max(1, int(self._config.keepalive)))
        self._client.loop_start()
        threading.Thread(target=self._ask_again, name="ask-again", daemon=True).start()

    def stop(self) -> None:
        """Disconnect; the broker keeps what arrives meanwhile."""
        self._stop.set()
        self._client.disconnect()
        self._client.loop_stop()

    # --- commands go out ----------------------------------------------------------------------------

    def send(
        self, host: str, service: str, name: str, timeout: float, *, step: str | None = None,
        config: str | None = None, **more: object,
    ) -> Answer | None:  # fmt: skip
        """Send a command once and wait for its result; None when none came in `timeout` seconds.

        `more` are members of the message. Raises NotSentError when it certainly did not go out, LedgerError.
        """
        if not self._ready.wait(CONNECT_WITHIN):
            raise NotSentError(
                f"not sent: no connection to the broker {self._config.host}:{self._config.port}"
            )
        now, asked = time.time(), self._hosts[host]
        message = command(
            0, service, name, now, config=config, expires_at=int(now + timeout) + 1, host=host,
            sender=None if asked.key_file is None else self._config.sender,
            reply_bytes=LONGEST_RESULT if asked.remembers else None, **more,
        )  # fmt: skip
        task_id = self._ledger.write(
            lambda connection: orders.open_order(connection, step, host, message, now)
        )
        pending = _Pending(host, {**message, "task_id": task_id}, time.monotonic(), now + timeout)
        with self._changed:
            self._pending[task_id] = pending
        self._publish(pending)
        return self._await(task_id, pending, timeout)

    def _publish(self, pending: _Pending) -> None:
        host = self._hosts[pending.host]
        key = None if host.key_file is None else host.key_file.reveal()
        pending.asked_at = time.monotonic()
        # An agent that remembers knows what it got twice; for the original the broker must see to it.
        qos = 1 if host.remembers else 2
        self._client.publish(host.command_topic, encode(pending.message, key), qos=qos)

    def _await(self, task_id: int, pending: _Pending, timeout: float) -> Answer | None:
        with self._changed:
            self._changed.wait_for(lambda: pending.answer is not None or self._stop.is_set(), timeout)
            if pending.answer is not None:
                self._pending.pop(task_id, None)
            else:
                pending.until = time.time() + orders.LATE  # a late one is still written down
            return pending.answer

    def _ask_again(self) -> None:
        """Ask agents that remember for results that did not come: they never run a command twice."""
        while not self._stop.wait(ASK_AGAIN / 4):
            now = time.monotonic()
            with self._changed:
                old = [task_id for task_id, one in self._pending.items() if time.time() > one.until + 60.0]
                for task_id in old:
                    del self._pending[task_id]
                due = [
                    one for one in self._pending.values()
                    if one.answer is None and now - one.asked_at > ASK_AGAIN
                    and self._hosts[one.host].remembers
                ]  # fmt: skip
            for one in due if self._ready.is_set() else ():
                self._publish(one)

    # --- results come in ----------------------------------------------------------------------------

    def _message(self, made: mqtt.Client, _data: Any, message: mqtt.MQTTMessage) -> None:
        found = parse_result(bytes(message.payload))
        try:
            outcome = "malformed" if found is None else self._result(message.topic, found)
        except LedgerError as error:
            log.error("a result is not acknowledged: %s", error)
            return
        except Exception:  # a result that we cannot cope with must not end this thread, nor come again
            log.exception("a result is dropped")
            outcome = "malformed"
        self._metrics.results.labels(outcome).inc()
        made.ack(message.mid, message.qos)

    def _result(self, topic: str, found: Result) -> str:
        task_id = self._whose(topic, found)
        if task_id is None:
            return "unknown_task"
        if found.code == DUPLICATE and "duplicate" in found.message:
            return "still_running"
        code = found.code if found.code is not None else -1
        text = found.message if found.code is not None else f"{found.message}\n[no exit status in the result]"
        first = self._ledger.write(
            lambda connection: orders.answer(connection, task_id, code, text, time.time())
        )
        with self._changed:
            pending = self._pending.get(task_id)
            if pending is not None:
                pending.answer = Answer(code, text)
                self._changed.notify_all()
        return "matched" if first else "repeated"

    def _whose(self, topic: str, found: Result) -> int | None:
        """The task of a result. The original may leave the id out: then only one is under way there."""
        if found.task_id is not None:
            number = found.task_id
            return int(number) if number.isascii() and number.isdigit() and len(number) <= DIGITS else None
        names = {name for name, host in self._hosts.items() if host.result_topic == topic}
        with self._changed:
            mine = [
                task_id for task_id, one in self._pending.items() if one.host in names and one.answer is None
            ]
        return mine[0] if len(mine) == 1 else None

    # --- the connection -----------------------------------------------------------------------------

    def _connected(self, made: mqtt.Client, _data: Any, _flags: Any, reason: ReasonCode, _more: Any) -> None:
        if reason.is_failure:
            log.error("the broker refuses us: %s", reason)
            return
        made.subscribe([(topic, 1) for topic in sorted({host.result_topic for host in self._hosts.values()})])

    def _subscribed(self, _client: mqtt.Client, _data: Any, _mid: int, reasons: Any, _more: Any) -> None:
        """Only now a command may go out: its result finds us."""
        if any(reason.is_failure for reason in reasons):
            log.error("the broker does not let us read results: %s", ", ".join(map(str, reasons)))
            return
        self._metrics.connected.set(1)
        self._ready.set()
        log.info("connected to the broker", extra={"fields": {"broker": self._config.host}})

    def _disconnected(
        self, _client: mqtt.Client, _data: Any, _flags: Any, reason: ReasonCode, _more: Any
    ) -> None:
        self._ready.clear()
        self._metrics.connected.set(0)
        if not self._stop.is_set():
            log.warning("disconnected from the broker: %s", reason)
