"""`--web.config.file`: TLS and basic auth in the format of Prometheus's exporter-toolkit.

The file is read again when it changes, as there; while it is wrong, nobody is let in.
"""

import hashlib
import hmac
import logging
import ssl
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, Literal

import bcrypt
from pydantic import Field, field_validator
from pydantic_core import PydanticCustomError
from werkzeug.datastructures import Authorization

from nodekit.settings import ConfigError, Settings, load

log = logging.getLogger(__name__)

NOBODY = bcrypt.hashpw(b"nobody", bcrypt.gensalt(10))
"""Unknown names are compared with this, so that they take as long as known ones."""
VERSIONS = {"TLS12": ssl.TLSVersion.TLSv1_2, "TLS13": ssl.TLSVersion.TLSv1_3}


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

    def context(self) -> ssl.SSLContext:
        """What the next connection gets; a renewed certificate needs no restart. Raises OSError."""
        if not self._renew() or self._context is None:
            raise OSError("the web configuration is wrong")
        return self._context

    def opens(self, header: str | None) -> bool:
        """Whether an Authorization header names a user and the right password."""
        if not self._renew():
            return False
        users = self._file.basic_auth_users
        if not users:
            return True
        given = Authorization.from_header(header) if header else None
        if given is None or given.type != "basic" or given.username is None or given.password is None:
            return False
        stored = users.get(given.username, "").encode()
        seen = hashlib.sha256(b"\0".join((given.username.encode(), given.password.encode(), stored))).digest()
        if any(hmac.compare_digest(seen, known) for known in self._known):
            return True  # bcrypt takes 50 ms, a scrape comes every second
        right = bcrypt.checkpw(given.password.encode()[:72], stored or NOBODY) and bool(stored)
        if right:
            self._known.add(seen)
        return right


def guarded(application: Callable[..., Iterable[bytes]], gate: Gate) -> Callable[..., Iterable[bytes]]:
    """A WSGI application that answers only those who may ask; every path is behind it, as there."""

    def guard(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        if gate.opens(environ.get("HTTP_AUTHORIZATION")):
            return application(environ, start_response)
        headers = [("Content-Type", "text/plain"), ("WWW-Authenticate", 'Basic realm="chainwarden"')]
        start_response("401 Unauthorized", headers)
        return [b"Unauthorized\n"]

    return guard
