"""An access token that all actuators share: asked for by one of them, sealed in the ledger.

WeCom bans an address for an hour that asks for tokens too often, and a new token may end the old one.
The ledger holds the token only sealed with the app's secret, so that no row of it is a credential.
"""

import base64
import hashlib
import hmac
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass

from sqlalchemy import Connection, select

from actuator.ledger import Ledger
from actuator.schema import shared_token
from actuator.storage import insert
from nodekit.redaction import remember

ASKING = 10.0
"""Seconds that one actuator has for asking; then another may."""
EARLY = 300.0
"""Seconds before its end that a token is not used any more."""
BLOCK = 32


@dataclass(frozen=True, slots=True)
class Given:
    """A token as its issuer gave it."""

    token: str
    lifetime: float
    """Seconds."""


class SharedToken:
    """The token of one app. `ask` fetches a new one; its exceptions pass through."""

    def __init__(
        self, ledger: Ledger, name: str, ask: Callable[[str], Given], clock: Callable[[], float] = time.time
    ) -> None:
        self._ledger = ledger
        self._name = name
        self._ask = ask
        self._clock = clock

    def get(self, secret: str, refused: str | None = None) -> str:
        """A token that is valid as far as is known; never the one that was `refused`. Raises TimeoutError."""
        deadline = self._clock() + ASKING
        while self._clock() < deadline:
            found = self._ledger.write(lambda connection: self._found_or_mine(connection, secret, refused))
            if found:
                return found
            if found is None:
                return self._fetch(secret)
            time.sleep(0.05)
        raise TimeoutError("another actuator has been asking for a token for too long")

    def _fetch(self, secret: str) -> str:
        expires_at, sealed = 0.0, ""
        try:
            given = self._ask(secret)
            remember(given.token)
            expires_at = self._clock() + max(0.0, given.lifetime - EARLY)
            sealed = seal(given.token, secret)
            return given.token
        finally:  # whatever came of it, others may ask again
            self._ledger.write(lambda connection: self._keep(connection, sealed, expires_at, 0.0))

    def _found_or_mine(self, connection: Connection, secret: str, refused: str | None) -> str | None:
        """The token; None when it is ours to ask for; empty while somebody else does."""
        now = self._clock()
        query = select(shared_token).where(shared_token.c.name == self._name).with_for_update()
        row = connection.execute(query).first()
        if row is not None and row.expires_at > now:
            token = unseal(row.sealed, secret)
            if token is not None and token != refused:
                remember(token)
                return token
        if row is not None and row.asking_until > now:
            return ""
        self._keep(connection, "", 0.0, now + ASKING)
        return None

    def _keep(self, connection: Connection, sealed: str, expires_at: float, asking_until: float) -> None:
        values = {"sealed": sealed, "expires_at": expires_at, "asking_until": asking_until}
        statement = insert(connection, shared_token).values(name=self._name, **values)
        connection.execute(statement.on_conflict_do_update(index_elements=["name"], set_=values))


def seal(text: str, secret: str) -> str:
    """Encrypt then authenticate: HMAC-SHA256 as key stream over a random nonce, and as tag."""
    nonce = secrets.token_bytes(16)
    body = _stream(text.encode(), secret, nonce)
    return base64.b64encode(nonce + _tag(secret, nonce + body) + body).decode()


def unseal(sealed: str, secret: str) -> str | None:
    """The text; None when it was sealed with another secret, or changed."""
    raw = base64.b64decode(sealed)
    nonce, tag, body = raw[:16], raw[16:48], raw[48:]
    if not hmac.compare_digest(tag, _tag(secret, nonce + body)):
        return None
    return _stream(body, secret, nonce).decode()


def _stream(data: bytes, secret: str, nonce: bytes) -> bytes:
    key = hashlib.sha256(b"stream" + secret.encode()).digest()
    pad = b"".join(
        hmac.digest(key, nonce + number.to_bytes(4), "sha256") for number in range(len(data) // BLOCK + 1)
    )
    return bytes(left ^ right for left, right in zip(data, pad, strict=False))


def _tag(secret: str, data: bytes) -> bytes:
    return hmac.digest(hashlib.sha256(b"tag" + secret.encode()).digest(), data, "sha256")
