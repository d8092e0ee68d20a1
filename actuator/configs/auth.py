"""What actuator.yml may say of who may talk to the actuator."""

from typing import Annotated, Literal, Self

from pydantic import Field, field_validator, model_validator
from pydantic_core import PydanticCustomError

from nodekit.settings import Secret, Settings
from nodekit.words import Name, Network, OneOrMany


class WebhookAuth(Settings):
    """Credentials of Alertmanager; two bearer files are valid at once while one is being rotated."""

    bearer_file: Annotated[tuple[Secret, ...], OneOrMany] = Field(max_length=2)
    """What Alertmanager's `credentials_file` holds."""


class Operator(Settings):
    """A person (or script) that may use the API."""

    password_bcrypt: str | None = None
    """As `htpasswd -nB NAME` prints it."""
    password_file: Secret | None = None
    """Instead of a hash: the password itself, for one that a program made and `--password-file` reads."""
    role: Literal["operator", "viewer"] = "operator"
    """A viewer may read and change nothing."""

    @field_validator("password_bcrypt")
    @classmethod
    def _is_bcrypt(cls, text: str | None) -> str | None:
        if text is not None and not text.startswith(("$2a$", "$2b$", "$2y$")):
            raise PydanticCustomError("bcrypt", "write a bcrypt hash, as `htpasswd -nB NAME` makes it")
        return text

    @model_validator(mode="after")
    def _has_one_password(self) -> Self:
        if (self.password_bcrypt is None) == (self.password_file is None):
            raise PydanticCustomError("password", "write one of `password_bcrypt` and `password_file`")
        return self


class Auth(Settings):
    """Who may talk to the actuator. Without it, it listens on loopback only."""

    webhook: WebhookAuth | None = None
    operators: dict[Name, Operator] = Field(default_factory=dict)
    allow: tuple[Network, ...] = ()
    """Networks that may connect at all; everyone when empty."""
