"""What exporter.yml may say of where lines come from."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, BeforeValidator, PlainSerializer, ValidationInfo, model_validator
from pydantic_core import PydanticCustomError

from exporter.logs.bre import Pattern, WrongPatternError, pattern
from nodekit.settings import Duration, Settings
from nodekit.words import Time


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


@dataclass(frozen=True, slots=True)
class PatternList:
    """A file of basic regular expressions, one a line, as `grep -f` reads it."""

    path: Path
    patterns: tuple[Pattern, ...]


def _patterns(value: object, info: ValidationInfo) -> PatternList:
    if isinstance(value, PatternList):
        return value
    path = _based(value, info)
    try:
        lines = path.read_bytes().split(b"\n")
    except OSError as error:
        text = "the file {path} cannot be read: {reason}"
        raise PydanticCustomError("list", text, {"path": str(path), "reason": error.strerror}) from None
    if lines[-1] == b"":
        lines.pop()
    found, wrong = [], []
    for number, line in enumerate(lines, 1):
        try:
            found.append(_pattern(line))
        except WrongPatternError as error:
            wrong.append(f"{path}:{number}: {error}")
    if wrong or not found:
        text = "{wrong}"
        raise PydanticCustomError("list", text, {"wrong": "; ".join(wrong) or f"{path}:1: has no pattern"})
    return PatternList(path, tuple(found))


def _pattern(line: bytes) -> Pattern:
    if not line:
        raise WrongPatternError("is empty: it would match every line; remove it")
    if line.endswith(b"\r"):
        raise WrongPatternError("ends with a carriage return, which would have to be in the log; remove it")
    return pattern(line)


Patterns = Annotated[
    PatternList,
    BeforeValidator(_patterns),
    PlainSerializer(lambda found: str(found.path), when_used="json"),
]
"""The path of a list; its patterns are read with the configuration, so that a reload reads them again."""


def _prefix(text: str) -> str:
    if not text or "/" in text or any(sign in text for sign in "*?["):
        raise PydanticCustomError("prefix", "write the beginning of a file name")
    return text


class Extracts(Settings):
    """Files that found lines are written to: FOLDER/PREFIX20261120_195536.log."""

    folder: Based
    """The folder; it is made when it is not there."""
    prefix: Annotated[str, AfterValidator(_prefix)] = "fm_err_"
    """How their names begin."""
    every: Duration = 1800.0
    """After this time lines go to a new file."""
    keep: Duration = 30 * 86400.0
    """Files that were not written for longer are deleted when a new one is begun."""
    largest: int = 10_000_000
    """Bytes of a file; further lines are counted and left out."""


class Log(Lines):
    """A log in which lines are looked for."""

    black: Patterns
    """The list of what is looked for."""
    white: Patterns | None = None
    """The list of what is left out, though it is on the black list."""
    interval: Time = 1.0
    """Time between looks at it."""
    silent: Duration | None = None
    """How long it may be silent before an alert; for ever when left out."""
    extracts: Extracts | None = None
    """Where found lines are written; nowhere when left out."""
    whole: bool = True
    """Write a message whole: with its first line, and the lines of its stack trace. Else found lines only."""
