"""`--web.config.file`: TLS and basic auth in the format of Prometheus's exporter-toolkit.

The file is read again when it changes, as there; while it is wrong, nobody is let in.
"""

import argparse
import base64
import binascii
import hashlib
import hmac
import logging
import socket
import ssl
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, Literal

import bcrypt
from pydantic import Field, field_validator
from pydantic_core import PydanticCustomError

from nodekit.settings import ConfigError, Settings, load

log = logging.getLogger(__name__)

NOBODY = bcrypt.hashpw(b"nobody", bcrypt.gensalt(10))
"""Unknown names are compared with this, so that they take as long as known ones."""
PATIENCE = 10.0
"""Seconds that a TLS client may be silent."""
VERSIONS = {"TLS12": ssl.TLSVersion.TLSv1_2, "TLS13": ssl.TLSVersion.TLSv1_3}


def flag(made: argparse.ArgumentParser) -> None:
    """Add `--web.config.file`."""
    made.add_argument(
        "--web.config.file", dest="web", type=Path, metavar="FILE",
        help="TLS and basic auth, as Prometheus's exporters have it",
    )  # fmt: skip


class Tls(Settings):
    """Which certificate is shown, and whether one is asked for."""

    cert_file: Path
    key_file: Path
    client_auth_type: Literal["NoClientCert", "RequestClientCert", "VerifyClientCertIfGiven",
                              "RequireAndVerifyClientCert"] = "NoClientCert"  # fmt: skip
    client_ca_file: Path | None = None
    min_version: Literal["TLS12", "TLS13"] = "TLS12"

    def context(self, folder: Path) -> ssl.SSLContext:
        """For a server; paths are relative to the web file. Raises OSError and ssl.SSLError."""
        made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        made.minimum_version = VERSIONS[self.min_version]
        made.load_cert_chain(folder / self.cert_file, folder / self.key_file)
        if self.client_ca_file is not None:
            made.load_verify_locations(folder / self.client_ca_file)
        if self.client_auth_type == "RequireAndVerifyClientCert":
            made.verify_mode = ssl.CERT_REQUIRED
        elif self.client_auth_type == "VerifyClientCertIfGiven":
            made.verify_mode = ssl.CERT_OPTIONAL
        return made


class WebFile(Settings):
    """The whole file."""

    tls_server_config: Tls | None = None
    basic_auth_users: dict[str, str] = Field(default_factory=dict)
    """Name → bcrypt hash, as `htpasswd -nBC 10 NAME` makes it."""

    @field_validator("basic_auth_users")
    @classmethod
    def _are_hashes(cls, users: dict[str, str]) -> dict[str, str]:
        for text in users.values():
            if not text.startswith(("$2a$", "$2b$", "$2y$")):
                raise PydanticCustomError(
                    "bcrypt", "write bcrypt hashes, as `htpasswd -nBC 10 NAME` makes them"
                )
        return users


class Gate:
    """The newest content of a web file."""

    def __init__(self, path: Path) -> None:
        """Raises ConfigError when the file is wrong."""
        self.path = path
        self._file, self._context = self._load()
        self._stamp = self._stamps(self._file)
        self._known: set[bytes] = set()

    def _load(self) -> tuple[WebFile, ssl.SSLContext | None]:
        file = load(self.path, WebFile)
        if file.tls_server_config is None:
            return file, None
        try:
            return file, file.tls_server_config.context(self.path.parent)
        except OSError as error:  # ssl.SSLError is one
            raise ConfigError(
                [f"{self.path}: tls_server_config: {error}; write readable PEM files"]
            ) from None

    def _stamps(self, file: WebFile | None) -> tuple[float, ...]:
        paths = [self.path]
        tls = None if file is None else file.tls_server_config
        if tls is not None:
            paths += [self.path.parent / tls.cert_file, self.path.parent / tls.key_file]
        return tuple(path.stat().st_mtime for path in paths if path.exists())

    def _renew(self) -> bool:
        """Read what changed; False while it is wrong."""
        stamp = self._stamps(self._file)
        if stamp == self._stamp:
            return True
        try:
            self._file, self._context = self._load()
        except ConfigError as error:
            log.error("nobody is let in until it is right: %s", error)
            return False
        self._stamp, self._known = self._stamps(self._file), set()
        return True

    @property
    def encrypted(self) -> bool:
        """Whether TLS is spoken."""
        return self._context is not None

    def accept(self, listening: socket.socket) -> tuple[ssl.SSLSocket, Any]:
        """The next connection, whose handshake comes with the first read, on whatever thread reads.

        So a silent client stops nobody else, and a renewed certificate needs no restart. Raises OSError.
        """
        raw, address = listening.accept()
        raw.settimeout(PATIENCE)
        try:
            if not self._renew() or self._context is None:
                raise OSError("the web configuration is wrong")
            return self._context.wrap_socket(raw, server_side=True, do_handshake_on_connect=False), address
        except OSError:  # ssl.SSLError is one
            raw.close()
            raise

    def opens(self, header: str, others: Callable[[str], bool]) -> bool:
        """Whether an Authorization header names a user and the right password, or `others` know it."""
        if not self._renew():
            return False
        users = self._file.basic_auth_users
        if not users:
            return True
        name, password = basic_credentials(header)
        if not name:
            return others(header)
        stored = users.get(name, "").encode()
        seen = hashlib.sha256(b"\0".join((name.encode(), password.encode(), stored))).digest()
        if any(hmac.compare_digest(seen, known) for known in self._known):
            return True  # bcrypt takes 50 ms, a scrape comes every second
        right = bcrypt.checkpw(password.encode()[:72], stored or NOBODY) and bool(stored)
        if right:
            self._known.add(seen)
        return right or others(header)


def basic_credentials(header: str) -> tuple[str, str]:
    """Name and password of an Authorization header; empty when there are none."""
    scheme, _, encoded = header.partition(" ")
    if scheme.lower() != "basic":
        return "", ""
    try:
        name, _, password = base64.b64decode(encoded, validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        return "", ""
    return name, password


Application = Callable[..., Iterable[bytes]]


def nobody(_header: str) -> bool:
    """The file alone says who may ask."""
    return False


def guarded(application: Application, gate: Gate, others: Callable[[str], bool] = nobody) -> Application:
    """A WSGI application that answers only those who may ask; every path is behind it, as there.

    `others`: whether somebody whom the file does not name may ask, too.
    """

    def guard(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        if gate.opens(environ.get("HTTP_AUTHORIZATION", ""), others):
            return application(environ, start_response)
        headers = [("Content-Type", "text/plain"), ("WWW-Authenticate", 'Basic realm="chainwarden"')]
        start_response("401 Unauthorized", headers)
        return [b"Unauthorized\n"]

    return guard
