"""YAML text → plain values plus the line of every key; duplicate keys and unset ${ENV} are errors."""

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import yaml

KeyPath = tuple[str | int, ...]
"""Where a value stands: mapping keys and list positions from the top."""


class ConfigError(Exception):
    """A config file that must not be used; each problem reads `file:line: key: what is wrong`."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems


@dataclass(slots=True)
class Document:
    """A parsed file: its values, and the line that each key path starts at (first line is 1)."""

    path: Path
    value: object = None
    lines: dict[KeyPath, int] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)

    def complain(self, where: KeyPath, text: str) -> None:
        """Note one problem at a key path."""
        self.problems.append(f"{self.path}:{self.line(where)}: {dotted(where)}: {text}")

    def line(self, where: KeyPath) -> int:
        """Line of a key path, or of the nearest key above it that stands in the file."""
        while where and where not in self.lines:
            where = where[:-1]
        return self.lines.get(where, 1)


class _Loader(yaml.SafeLoader):
    """SafeLoader that leaves dates alone: `2026-12-01` is a string to us, pydantic reads it."""


_Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in rows if tag != "tag:yaml.org,2002:timestamp"]
    for first, rows in yaml.SafeLoader.yaml_implicit_resolvers.items()
}

_REFERENCE = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)\}|\$\$")


def dotted(where: KeyPath) -> str:
    """A key path as people write it: `groups.eos.nodes[1].url`."""
    text = ""
    for part in where:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else part
    return text or "(top level)"


def read_yaml(path: Path, environ: Mapping[str, str] = os.environ) -> Document:
    """Read one YAML file. Raises ConfigError when it cannot be read or parsed, or has problems."""
    document = Document(path)
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise ConfigError([f"{path}: cannot be read: {error.strerror}"]) from None
    except UnicodeDecodeError:
        raise ConfigError([f"{path}: is not UTF-8 text"]) from None
    loader = _Loader(text)
    try:
        node = loader.get_single_node()
        if node is not None:
            document.value = _value(loader, node, (), document, environ)
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise ConfigError([f"{path}:{line}: not valid YAML: {error.problem}"]) from None
    except yaml.YAMLError as error:
        raise ConfigError([f"{path}: not valid YAML: {error}"]) from None
    finally:
        loader.dispose()
    if document.problems:
        raise ConfigError(document.problems)
    return document


def _value(
    loader: _Loader, node: yaml.Node, where: KeyPath, document: Document, environ: Mapping[str, str]
) -> object:
    document.lines.setdefault(where, node.start_mark.line + 1)
    if isinstance(node, yaml.MappingNode):
        return _mapping(loader, node, where, document, environ)
    if isinstance(node, yaml.SequenceNode):
        return [
            _value(loader, item, (*where, index), document, environ) for index, item in enumerate(node.value)
        ]
    scalar = loader.construct_object(node)
    if isinstance(scalar, str) and "$" in scalar:
        return _expand(scalar, where, document, environ)
    return scalar


def _mapping(
    loader: _Loader, node: yaml.MappingNode, where: KeyPath, document: Document, environ: Mapping[str, str]
) -> dict[str, object]:
    found: dict[str, object] = {}
    for key_node, value_node in node.value:
        key = key_node.value if isinstance(key_node, yaml.ScalarNode) else None
        if key is None:
            document.complain(where, "a key must be a plain word")
            continue
        inner = (*where, key)
        if key in found:
            first = document.lines[inner]
            document.lines[inner] = key_node.start_mark.line + 1
            document.complain(inner, f"is written twice, first in line {first}; keep one of them")
            continue
        document.lines[inner] = key_node.start_mark.line + 1
        found[key] = _value(loader, value_node, inner, document, environ)
    return found


def _expand(text: str, where: KeyPath, document: Document, environ: Mapping[str, str]) -> str:
    """Put environment variables in for ${NAME}; `$$` is a dollar sign."""

    def put(match: re.Match[str]) -> str:
        name = match.group(1)
        if name is None:
            return "$"
        if name not in environ:
            document.complain(where, f"environment variable {name} is not set; set it, or write $$ for a $")
            return ""
        return environ[name]

    return _REFERENCE.sub(put, text)
