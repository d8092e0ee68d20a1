"""The MQTT broker: what a config file says of it, and a client made from that."""

import logging
import socket
import ssl
import sys
from pathlib import Path

import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion
from pydantic import Field, field_validator
from pydantic_core import PydanticCustomError

from nodekit.settings import Secret, Settings
from nodekit.words import Time

log = logging.getLogger(__name__)

RECONNECT = (1, 15)
"""Seconds before the first and the later tries to connect again."""


class Tls(Settings):
    """TLS to the broker. The broker's certificate is always checked."""

    ca_file: Path | None = None
    """Only certificates signed by this authority are taken; the system's authorities when left out."""
    cert_file: Path | None = None
    """Our certificate, for a broker that asks for one."""
    key_file: Path | None = None
    """Its key."""

    @field_validator("ca_file", "cert_file", "key_file")
    @classmethod
    def _is_there(cls, path: Path | None) -> Path | None:
        if path is not None and not path.is_file():
            raise PydanticCustomError("file", "{path} is no file", {"path": str(path)})
        return path


class Broker(Settings):
    """Where commands and results go through."""

    host: str = "127.0.0.1"
    """Name or address of the broker."""
    port: int = Field(1883, gt=0, le=65535)
    """8883 is usual with `tls`."""
    username: str | None = None
    """Who we are for the broker."""
    password_file: Secret | None = None
    """That user's password."""
    tls: Tls | None = None
    keepalive: Time = 30.0
    """The broker gives a silent connection up after one and a half of this."""


def client(broker: Broker, client_id: str) -> mqtt.Client:
    """A client with a persistent session; its user acknowledges messages. Raises OSError, ssl.SSLError."""
    made = mqtt.Client(
        CallbackAPIVersion.VERSION2,
        client_id=client_id,
        clean_session=False,
        protocol=mqtt.MQTTv311,
        manual_ack=True,
        reconnect_on_failure=True,
    )
    if broker.username is not None:
        made.username_pw_set(broker.username, broker.password_file.reveal() if broker.password_file else None)
    if broker.tls is not None:
        context = ssl.create_default_context(cafile=broker.tls.ca_file)
        if broker.tls.cert_file is not None:
            context.load_cert_chain(broker.tls.cert_file, broker.tls.key_file)
        made.tls_set_context(context)
    made.reconnect_delay_set(*RECONNECT)
    made.max_inflight_messages_set(64)
    made.on_socket_open = _no_delay
    made.on_connect_fail = _Complaint(f"{broker.host}:{broker.port}")
    return made


class _Complaint:
    """Says why the broker cannot be reached, once for each reason in a row."""

    def __init__(self, where: str) -> None:
        self._where = where
        self._told = ""

    def __call__(self, _client: mqtt.Client, _data: object) -> None:
        error = sys.exc_info()[1]  # paho calls this while it handles the error, and does not pass it on
        why = "no connection" if error is None else str(error) or type(error).__name__
        if why != self._told:
            self._told = why
            log.error("the broker %s cannot be reached: %s", self._where, why)


def _no_delay(_client: mqtt.Client, _data: object, sock: object) -> None:
    """Small messages go out at once: with Nagle's algorithm an answer was measured to take 88 ms."""
    if isinstance(sock, socket.socket):
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
