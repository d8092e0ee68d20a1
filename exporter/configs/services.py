"""What exporter.yml may say of services of this host: how each is found, and what it must answer."""

from pathlib import Path
from typing import Annotated, Self

from pydantic import BeforeValidator, field_serializer, model_validator
from pydantic_core import PydanticCustomError

from nodekit.finding import Finding
from nodekit.http import redact
from nodekit.settings import Duration, Settings
from nodekit.words import Listen, RpcUrl, Time


def _range(value: object) -> object:
    return (value, value) if isinstance(value, int) else value


class Heartbeat(Settings):
    """A file that the service touches while it works."""

    file: Path
    """The file; what is in it does not matter."""
    within: Duration
    """How old it may become."""


class Service(Finding):
    """One service. It is up while all that is written here holds."""

    processes: Annotated[tuple[int, int], BeforeValidator(_range)] | None = None
    """How many processes there should be: a number, or [least, most]."""
    tcp: Listen | None = None
    """An address and port at which connections are accepted."""
    http: RpcUrl | None = None
    """An address that answers with 2xx."""
    heartbeat: Heartbeat | None = None
    """A file that must not become old."""
    interval: Time = 1.0
    """How often it is looked at."""
    timeout: Time = 1.0
    """How long a connection or an answer may take."""

    @field_serializer("http")
    def _without_key(self, url: str | None) -> str | None:
        """A path may hold a key, and what is written out is shown at /config."""
        return None if url is None else redact(url)

    @model_validator(mode="after")
    def _says_something(self) -> Self:
        if not self.checks:
            raise PydanticCustomError(
                "service",
                "write `match`, `pid_file`, `unit`, `tcp`, `http` or `heartbeat`: what shows that it runs?",
            )
        if (self.user or self.cwd or self.parent or self.processes) and not self.findable:
            raise PydanticCustomError(
                "service", "`user`, `cwd`, `parent` and `processes` need `match`, `pid_file` or `unit`"
            )
        least, most = self.processes or (1, 1)
        if not 1 <= least <= most:
            raise PydanticCustomError("processes", "`processes`: write a number from 1, or [least, most]")
        return self

    @property
    def checks(self) -> tuple[str, ...]:
        """What must hold, by the values of the label `check`."""
        asked = (
            ("process", self.findable), ("tcp", self.tcp), ("http", self.http), ("heartbeat", self.heartbeat)
        )  # fmt: skip
        return tuple(name for name, wanted in asked if wanted)
