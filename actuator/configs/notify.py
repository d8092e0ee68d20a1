"""What actuator.yml may say of messages: language, wording, and what chainwarden tells by itself."""

from pathlib import Path
from typing import Annotated
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, BeforeValidator, Field, ValidationInfo
from pydantic_core import PydanticCustomError

from actuator.configs.sinks import Language, Zone
from nodekit.settings import Secret, Settings
from nodekit.words import HttpUrl, Name, OneOrMany, Time


def _folder(value: object, info: ValidationInfo) -> object:
    if value is None or isinstance(value, Path):
        return value
    path = (info.context or {}).get("base", Path()) / str(value)
    if not path.is_dir():
        raise PydanticCustomError("folder", "the folder {path} is not there", {"path": str(path)})
    return path


def _clock_time(text: str) -> str:
    hour, colon, minute = text.partition(":")
    if not (colon and hour.isdigit() and minute.isdigit() and int(hour) < 24 and int(minute) < 60):
        raise PydanticCustomError("clock", 'write a time of day in quotes, such as "07:00"')
    return f"{int(hour):02d}:{int(minute):02d}"


Folder = Annotated[Path, BeforeValidator(_folder)]
"""A folder that is there; relative to the config file's."""
ClockTime = Annotated[str, AfterValidator(_clock_time)]
"""Hour and minute, `07:00`."""
Sinks = Annotated[tuple[Name, ...], OneOrMany]
"""Names of sinks, or one."""


class Deadman(Settings):
    """What happens when the Watchdog alert stops coming: no alert could arrive any more."""

    after: Time = 300.0
    """Silence of the Watchdog after which somebody is told."""
    notify: Sinks = Field(min_length=1)
    """Who is told."""


class Heartbeat(Settings):
    """A URL of somebody else's dead-man switch, which is called as long as chainwarden can send messages."""

    url_file: Secret
    """The address, which is a credential."""
    every: Time = 60.0
    """How often it is called."""
    timeout: Time = 5.0
    """How long one call may take."""


class Status(Settings):
    """A message with the state of everything at fixed times of day."""

    at: Annotated[tuple[ClockTime, ...], OneOrMany] = Field(min_length=1)
    """Times of day, in quotes."""
    timezone: Zone
    """Of `at`."""
    exporter: HttpUrl | None = None
    """Where the exporter listens; without it the message has only what the actuator knows."""
    notify: Sinks = Field(min_length=1)
    """Who gets it."""


class Notify(Settings):
    """Messages as such; where they go is in `sinks`."""

    language: Language = "en"
    """Of sinks that name none."""
    timezone: Zone = ZoneInfo("UTC")
    """Of the times in messages about alerts."""
    templates: Folder | None = None
    """Own templates (`alert.j2`, `zh/alert.j2`, …) and words (`words.zh.yml`), which go before ours."""
    started: Sinks = ()
    """Who is told that the actuator started."""
    deadman: Deadman | None = None
    heartbeat: Heartbeat | None = None
    status: tuple[Status, ...] = ()

    def named(self) -> set[str]:
        """All sinks that it names."""
        found = set(self.started)
        found |= set(self.deadman.notify) if self.deadman is not None else set()
        return found.union(*(status.notify for status in self.status))
