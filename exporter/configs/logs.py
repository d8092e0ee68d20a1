"""What exporter.yml may say of where lines come from."""

from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import BeforeValidator, ValidationInfo, model_validator
from pydantic_core import PydanticCustomError

from nodekit.settings import Settings


def _based(value: object, info: ValidationInfo) -> Path:
    if not isinstance(value, str | Path) or not str(value):
        raise PydanticCustomError("path", "write the path of a file")
    return Path((info.context or {}).get("base", Path())) / value


Based = Annotated[Path, BeforeValidator(_based)]
"""A path; relative to the config file's folder."""


class Lines(Settings):
    """A file, a systemd unit or a container whose lines are read."""

    file: Based | None = None
    """A file; rotation of any kind is followed."""
    unit: str | None = None
    """A unit of systemd's, read by journalctl."""
    container: str | None = None
    """A container's name, read by `engine`."""
    engine: Literal["docker", "podman"] = "docker"
    """Whose container it is."""
    wrapped: Literal["docker"] | None = None
    """How lines are wrapped in the file: `docker` for the json-file of Docker's own."""

    @model_validator(mode="after")
    def _one(self) -> Self:
        if sum(item is not None for item in (self.file, self.unit, self.container)) != 1:
            raise PydanticCustomError("lines", "write one of file, unit and container")
        if self.wrapped is not None and self.file is None:
            raise PydanticCustomError("lines", "wrapped is for a file")
        return self
