"""Who may talk to the actuator: bearer tokens for Alertmanager, names and passwords for operators.

Without any credentials configured the actuator listens on loopback only (config.py sees to that) and
trusts it, but still refuses what a browser on the same machine could be tricked into sending.
"""

import hashlib
import hmac
import ipaddress
import logging
from collections.abc import Mapping
from dataclasses import dataclass

import bcrypt

from actuator.configs.auth import Auth, Operator
from nodekit.settings import SecretFile
from nodekit.webfile import NOBODY, basic_credentials

log = logging.getLogger(__name__)

LOCAL_HOSTS = frozenset({"127.0.0.1", "localhost", "::1", "[::1]"})


@dataclass(frozen=True, slots=True)
class Caller:
    """What a request shows of its sender."""

    address: str
    host: str
    """The Host header without the port."""
    authorization: str
    method: str
    content_type: str


@dataclass(frozen=True, slots=True)
class Verdict:
    """`name` of the caller, or `status` (401 or 403) and why it is turned away."""

    name: str = ""
    status: int = 200
    why: str = ""

    @property
    def allowed(self) -> bool:
        """Whether the request may go on."""
        return self.status == 200


class Gatekeeper:
    """Judges callers by the configuration."""

    def __init__(self, auth: Auth, *, loopback: bool) -> None:
        self._auth = auth
        self._loopback = loopback
        self._networks = [ipaddress.ip_network(text) for text in auth.allow]
        self._verified: set[bytes] = set()

    def door(self, address: str) -> Verdict:
        """May this address connect at all, to whatever route?"""
        if self._networks and not _inside(address, self._networks):
            return Verdict(status=403, why=f"{address} is not in auth.allow")
        return Verdict()

    def knows(self, authorization: str) -> bool:
        """Whether an Authorization header is of anybody in `auth`; what they may do, each route asks."""
        if self._bears(authorization):
            return True
        name, password = basic_credentials(authorization)
        return bool(name) and self._verify(name, password, self._auth.operators.get(name))

    def webhook(self, caller: Caller) -> Verdict:
        """May it deliver alerts?"""
        barred = self._barred(caller)
        if barred is not None:
            return barred
        if self._auth.webhook is None:
            return Verdict("alertmanager")
        if not caller.authorization.lower().startswith("bearer "):
            return Verdict(status=401, why="send `Authorization: Bearer …`")
        if self._bears(caller.authorization):
            return Verdict("alertmanager")
        return Verdict(status=403, why="the bearer token is not valid")

    def operator(self, caller: Caller, role: str) -> Verdict:
        """May it read (`viewer`) or act (`operator`)?"""
        barred = self._barred(caller)
        if barred is not None:
            return barred
        if not self._auth.operators:
            return Verdict("local operator")
        name, password = basic_credentials(caller.authorization)
        known = self._auth.operators.get(name)
        if not self._verify(name, password, known) or known is None:
            return Verdict(status=401, why="name or password is wrong")
        if role == "operator" and known.role != "operator":
            return Verdict(status=403, why=f"{name} may look, not act")
        return Verdict(name)

    def _barred(self, caller: Caller) -> Verdict | None:
        at_the_door = self.door(caller.address)
        if not at_the_door.allowed:
            return at_the_door
        open_to_this_machine = self._loopback and not (self._auth.operators and self._auth.webhook)
        if open_to_this_machine and caller.host not in LOCAL_HOSTS:
            return Verdict(status=403, why=f"Host {caller.host!r} is not this machine")
        return None

    def _bears(self, authorization: str) -> bool:
        scheme, _, given = authorization.partition(" ")
        known = () if self._auth.webhook is None else self._auth.webhook.bearer_file
        return scheme.lower() == "bearer" and any(_is_in(secret, given) for secret in known)

    def _verify(self, name: str, password: str, known: Operator | None) -> bool:
        """bcrypt takes 60 ms, so a verified pair is remembered as a digest, for this process."""
        if known is not None and known.password_file is not None:
            return _is_in(known.password_file, password)
        stored = (known.password_bcrypt or "").encode() if known is not None else NOBODY
        digest = hashlib.sha256(b"\0".join((name.encode(), password.encode(), stored))).digest()
        if digest in self._verified:
            return True
        if not bcrypt.checkpw(password.encode()[:72], stored) or known is None:
            return False
        self._verified.add(digest)
        return True


def _is_in(secret: SecretFile, given: str) -> bool:
    try:
        known = secret.reveal()
    except OSError as error:
        log.error("%s cannot be read: %s", secret, error.strerror)
        return False
    return hmac.compare_digest(known.encode(), given.encode())


def _inside(address: str, networks: list[ipaddress.IPv4Network | ipaddress.IPv6Network]) -> bool:
    try:
        found = ipaddress.ip_address(address)
    except ValueError:
        return False
    return any(found in network for network in networks)


def header_host(value: str) -> str:
    """Host without port of a Host header."""
    if value.startswith("["):
        return value.partition("]")[0] + "]"
    return value.partition(":")[0]


def caller_of(address: str | None, headers: Mapping[str, str], method: str) -> Caller:
    """A caller from a request's parts."""
    return Caller(
        address=address or "",
        host=header_host(headers.get("Host", "")),
        authorization=headers.get("Authorization", ""),
        method=method,
        content_type=headers.get("Content-Type", "").partition(";")[0].strip().lower(),
    )
