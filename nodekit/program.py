"""What the command lines of all programs share: Prometheus-style flags and how a start fails."""

import argparse
import sys
from collections.abc import Callable, Iterable
from importlib.metadata import version
from pathlib import Path
from typing import TypeVar

from pydantic import BaseModel

from nodekit import logs
from nodekit.listening import given
from nodekit.settings import ConfigError, load

Model = TypeVar("Model", bound=BaseModel)


def parser(name: str, description: str) -> argparse.ArgumentParser:
    """A parser with the flags that every program of ours has."""
    made = argparse.ArgumentParser(prog=f"chainwarden-{name.replace('_', '-')}", description=description)
    made.add_argument(
        "--config.file",
        dest="config",
        type=Path,
        default=Path(f"{name}.yml"),
        metavar="FILE",
        help="the configuration",
    )
    made.add_argument("--config.check", dest="check", action="store_true", help="validate the file and exit")
    made.add_argument(
        "--log.level", dest="level", choices=logs.LEVELS, default="info", help="the least that is written"
    )
    made.add_argument(
        "--log.format", dest="format", choices=logs.FORMATS, default="logfmt", help="how lines look"
    )
    made.add_argument("--version", action="version", version=f"{made.prog} {version('chainwarden')}")
    return made


def _nothing(_config: object) -> Iterable[str]:
    return ()


def configured(
    arguments: argparse.Namespace, model: type[Model], remarks: Callable[[Model], Iterable[str]] = _nothing
) -> Model | int:
    """Set logging up and read the configuration; an exit status when there is nothing to run.

    A wrong file is told on standard error, line by line, and nothing else is.
    """
    logs.set_up(arguments.level, arguments.format)
    try:
        config = load(arguments.config, model, given(arguments))
    except ConfigError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    if arguments.check:
        return valid(arguments.config, remarks(config))
    return config


def valid(path: Path, remarks: Iterable[str] = ()) -> int:
    """Say that a file is valid, and on standard error what should be known of it; the exit status."""
    for remark in remarks:
        sys.stderr.write(f"{path}: {remark}\n")
    sys.stdout.write(f"{path}: valid\n")
    return 0
