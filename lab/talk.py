"""The other side of an agent in tests: sends raw messages, collects what comes back on the result topic."""

import json
import socket
import threading
import time
import uuid
from typing import Any, Self

import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion

from lab.server import poll


class Talk:
    """A plain MQTT client. `results` are in the order of their arrival."""

    def __init__(
        self, port: int, command_topic: str, result_topic: str, *, qos: int = 2, result_qos: int = 1
    ) -> None:
        """`qos` of the commands: 2 as the original sends them, 1 as our sender does to an agent of ours.

        `result_qos`: the most that results come with.
        """
        self.results: list[dict[str, Any]] = []
        self.arrived: dict[object, float] = {}
        """task_id → time.perf_counter() of its first result."""
        self.qualities: dict[object, int] = {}
        """task_id → the quality of service that its first result came with."""
        self._command_topic = command_topic
        self._qos = qos
        self._news = threading.Condition()
        self._client = mqtt.Client(  # a session that lasts: results wait for us while the broker restarts
            CallbackAPIVersion.VERSION2, client_id=f"talk-{uuid.uuid4().hex[:8]}", clean_session=False
        )
        self._client.on_socket_open = _no_delay
        self._client.on_message = self._message
        self._client.on_connect = lambda made, *_: made.subscribe(result_topic, qos=result_qos)
        subscribed = threading.Event()
        self._client.on_subscribe = lambda *_: subscribed.set()
        self._client.reconnect_delay_set(1, 1)
        self._client.connect("127.0.0.1", port)
        self._client.loop_start()
        if not subscribed.wait(5):
            raise TimeoutError("the broker did not answer")

    def _message(self, _client: object, _data: object, message: mqtt.MQTTMessage) -> None:
        with self._news:
            found = json.loads(message.payload)
            self.results.append(found)
            self.qualities.setdefault(found.get("task_id"), message.qos)
            self.arrived.setdefault(found.get("task_id"), time.perf_counter())
            self._news.notify_all()

    def raw(self, payload: bytes, *, retain: bool = False) -> None:
        """Send anything."""
        self._client.publish(self._command_topic, payload, qos=self._qos, retain=retain)

    def send(self, task_id: int, service: str, command: str, **more: object) -> None:
        """Send a command."""
        full = {
            "task_id": task_id,
            "timestamp": "2026-11-20T19:38:07Z",
            "service": service,
            "command": command,
        }
        self.raw(json.dumps({**full, **more}).encode())

    def of(self, task_id: int) -> list[dict[str, Any]]:
        """All results of a task so far."""
        return [found for found in self.results if found.get("task_id") == task_id]

    def wait(self, task_id: int, timeout: float = 30.0) -> dict[str, Any]:
        """The first result of a task. Raises TimeoutError."""
        with self._news:
            self._news.wait_for(lambda: task_id in self.arrived, timeout)
        found = self.of(task_id)
        if not found:
            raise TimeoutError(f"no result for {task_id}")
        return found[0]

    def ask(self, task_id: int, service: str, command: str, **more: object) -> dict[str, Any]:
        """Send a command and wait for its result."""
        self.send(task_id, service, command, **more)
        return self.wait(task_id)

    def back(self) -> bool:
        """Whether the broker is connected, or soon is again."""
        return poll(self._client.is_connected, 10)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._client.disconnect()
        self._client.loop_stop()


def _no_delay(_client: object, _data: object, sock: object) -> None:
    if isinstance(sock, socket.socket):
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
