"""What actuator.yml may say of who may talk to the actuator."""

from typing import Annotated, Literal

from pydantic import Field, field_validator
from pydantic_core import PydanticCustomError

from nodekit.settings import Secret, Settings
from nodekit.words import Name, Network, OneOrMany


class WebhookAuth(Settings):
    """Credentials of Alertmanager; two bearer files are valid at once while one is being rotated."""

    bearer_file: Annotated[tuple[Secret, ...], OneOrMany] = Field(max_length=2)
    """What Alertmanager's `credentials_file` holds."""


class Operator(Settings):
    """A person (or script) that may use the API."""

    password_bcrypt: str
    """As `htpasswd -nB NAME` prints it."""
    role: Literal["operator", "viewer"] = "operator"
    """A viewer may read and change nothing."""

    @field_validator("password_bcrypt")
    @classmethod
    def _is_bcrypt(cls, text: str) -> str:
        if not text.startswith(("$2a$", "$2b$", "$2y$")):
            raise PydanticCustomError("bcrypt", "write a bcrypt hash, as `htpasswd -nB NAME` makes it")
        return text


class Auth(Settings):
    """Who may talk to the actuator. Without it, it listens on loopback only."""

    webhook: WebhookAuth | None = None
    operators: dict[Name, Operator] = Field(default_factory=dict)
    allow: tuple[Network, ...] = ()
    """Networks that may connect at all; everyone when empty."""
