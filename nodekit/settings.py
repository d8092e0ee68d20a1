"""Config files → frozen models, with every error as `file:line: key: what is wrong, what to write`."""

import difflib
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Annotated, Any, TypeVar, get_args

from pydantic import BaseModel, BeforeValidator, ConfigDict, PlainSerializer, ValidationError, ValidationInfo
from pydantic_core import ErrorDetails, PydanticCustomError

from nodekit.redaction import remember
from nodekit.yamlfile import ConfigError, Document, KeyPath, dotted, read_yaml

__all__ = ["ConfigError", "Duration", "OnOff", "Secret", "SecretFile", "Settings", "load"]

_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0, "w": 604800.0, "y": 31536000.0}
_DURATION = re.compile(r"(\d+(?:\.\d+)?)(ms|[smhdwy])")


class Settings(BaseModel):
    """Base of every config model: frozen, and a key that it does not know is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid", arbitrary_types_allowed=True)


class SecretFile:
    """A secret kept in a file. It is read at each use, so that a rotated secret needs no restart."""

    __slots__ = ("path",)

    def __init__(self, path: Path) -> None:
        self.path = path

    def reveal(self) -> str:
        """The file's text without surrounding white space. Raises OSError when it cannot be read."""
        text = self.path.read_text(encoding="utf-8").strip()
        remember(text)
        return text

    def __repr__(self) -> str:
        return f"<secret in {self.path}>"

    def __eq__(self, other: object) -> bool:
        """The same file is the same setting, whatever is in it now: a reload then keeps what runs."""
        return isinstance(other, SecretFile) and other.path == self.path

    def __hash__(self) -> int:
        return hash(self.path)


def parse_duration(text: object) -> float:
    """Seconds of a duration as Prometheus writes it: `500ms`, `30s`, `1h30m`. Raises ValueError."""
    if not isinstance(text, str) or not text or _DURATION.sub("", text):
        raise PydanticCustomError(
            "duration", "{text} is no duration; write a number with a unit, such as 500ms, 30s or 1h30m",
            {"text": repr(text)},
        )  # fmt: skip
    return sum(float(number) * _UNITS[unit] for number, unit in _DURATION.findall(text))


def _secret_file(value: object, info: ValidationInfo) -> SecretFile:
    if isinstance(value, SecretFile):
        return value
    if not isinstance(value, str):
        raise PydanticCustomError("secret", "write the path of the file that holds the secret")
    base = (info.context or {}).get("base", Path())
    secret = SecretFile(base / value)
    try:
        if not secret.reveal():
            raise PydanticCustomError("secret", "the file {path} is empty", {"path": str(secret.path)})
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "not text"
        raise PydanticCustomError(
            "secret", "the file {path} cannot be read: {reason}", {"path": str(secret.path), "reason": reason}
        ) from None
    return secret


def _on_off(value: object) -> object:
    """YAML 1.1 reads a bare `on` or `off` as a truth value; give the word back."""
    return {True: "on", False: "off"}.get(value, value) if isinstance(value, bool) else value


Duration = Annotated[float, BeforeValidator(parse_duration)]
"""Seconds, written as Prometheus writes durations: `500ms`, `30s`, `1h30m`."""
Secret = Annotated[SecretFile, BeforeValidator(_secret_file), PlainSerializer(repr, when_used="json")]
"""The path of a readable, non-empty file; relative to the config file's folder."""
OnOff = BeforeValidator(_on_off)

Model = TypeVar("Model", bound=BaseModel)


def load(path: Path, model: type[Model], instead: Mapping[str, object] = MappingProxyType({})) -> Model:
    """Read and validate a config file; `instead`: keys that the command line says, whatever the file does.

    Raises ConfigError with one line per problem: `file:line: key: what is wrong, what to write`.
    """
    document = read_yaml(path)
    if not isinstance(document.value, dict):
        raise ConfigError([f"{path}:1: (top level): write `key: value` lines, this is no mapping"])
    try:
        return model.model_validate({**document.value, **instead}, context={"base": path.parent})
    except ValidationError as error:
        rows = _causes(error.errors(include_url=False))
        raise ConfigError(list(dict.fromkeys(_problem(document, model, row) for row in rows))) from None


def _causes(errors: list[ErrorDetails]) -> list[ErrorDetails]:
    """Without what only follows: a list whose items are wrong counts as too short as well."""
    return [
        row
        for row in errors
        if row["type"] != "too_short"
        or not any(other["loc"][: len(row["loc"])] == row["loc"] and other is not row for other in errors)
    ]


def _problem(document: Document, model: type[BaseModel], error: ErrorDetails) -> str:
    kind = error["type"]
    where = _written(document, error["loc"], absent=kind == "missing")
    if kind == "extra_forbidden":
        text = "unknown key; " + _known(str(where[-1]), _fields(model, error["loc"][:-1]))
    elif kind == "missing":
        text = "is missing; add it"
    elif kind == "union_tag_not_found":
        text = "`type` is missing; add it"
    else:
        text = error["msg"].removeprefix("Value error, ").removeprefix("Assertion failed, ")
    return f"{document.path}:{document.line(where)}: {dotted(where)}: {text}"


def _written(document: Document, location: Iterable[str | int], *, absent: bool) -> KeyPath:
    """A pydantic location as key path: without union tags, which stand in no file."""
    parts = list(location)
    where: KeyPath = ()
    for position, part in enumerate(parts):
        last = absent and position == len(parts) - 1
        if (*where, part) in document.lines or last:
            where = (*where, part)
    return where


def _known(key: str, fields: list[str]) -> str:
    close = difflib.get_close_matches(key, fields, n=1)
    if close:
        return f"did you mean `{close[0]}`?"
    return f"known here: {', '.join(fields)}" if fields else "remove it"


def _fields(model: Any, location: Iterable[str | int]) -> list[str]:
    """Field names of the model that a location leads to; empty where it cannot be told."""
    here: Any = model
    for part in location:
        models = [item for item in _models(here) if issubclass(item, BaseModel)]
        inner = [item.model_fields[str(part)].annotation for item in models if str(part) in item.model_fields]
        if inner:
            here = inner[0]
    found = _models(here)
    return sorted({info.alias or name for item in found for name, info in item.model_fields.items()})


def _models(annotation: Any) -> list[type[BaseModel]]:
    """The models named in an annotation, through containers, unions and Annotated."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [item for argument in get_args(annotation) for item in _models(argument)]
