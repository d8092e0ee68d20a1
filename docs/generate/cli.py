"""Every command and flag, from the parsers that read them."""

import argparse
import re
from collections.abc import Iterator

from actuator import __main__ as actuator
from actuator import cli as operator
from actuator.agent import __main__ as agent
from actuator.agent.rpc_switch import __main__ as rpc_switch
from docs.generate.markdown import code, page, sentence, table
from exporter import __main__ as exporter

INTRODUCTION = """\
The programs have the flags of Prometheus's own; `chainwarden` asks a running actuator."""


def programs() -> dict[str, tuple[argparse.ArgumentParser, str]]:
    """Program → its parser, and what its `main` says of exit statuses."""
    modules = {
        "chainwarden-exporter": exporter,
        "chainwarden-actuator": actuator,
        "chainwarden-agent": agent,
        "chainwarden": operator,
        "chainwarden-rpc-switch": rpc_switch,
    }
    return {name: (module.command_line(), module.main.__doc__ or "") for name, module in modules.items()}


def text() -> str:
    """The page."""
    parts = [part for name, (parser, ends) in programs().items() for part in _program(name, parser, ends)]
    return page("Command line", [INTRODUCTION], *parts)


def commands(parser: argparse.ArgumentParser) -> Iterator[tuple[str, str, argparse.ArgumentParser]]:
    """Name, help and parser of each subcommand."""
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for choice in action._choices_actions:
                yield choice.dest, choice.help or "", action.choices[choice.dest]


def arguments(parser: argparse.ArgumentParser) -> Iterator[argparse.Action]:
    """What may be written, without --help and subcommands."""
    for action in parser._actions:
        if not isinstance(action, argparse._HelpAction | argparse._SubParsersAction):
            yield action


def _program(name: str, parser: argparse.ArgumentParser, ends: str) -> Iterator[list[str]]:
    yield [f"## {name}", "", sentence(parser.description or ""), sentence(ends), "", *_arguments(parser)]
    for command, said, inner in commands(parser):
        shown = [code(" ".join((name, command, *map(_usage, arguments(inner)))))]
        rows = _arguments(inner) if any(True for _ in arguments(inner)) else []
        yield [f"### {name} {command}", "", sentence(said), "", *shown, *([""] if rows else []), *rows]


def _arguments(parser: argparse.ArgumentParser) -> list[str]:
    rows = [
        (code(_written(action)), _default(action), sentence(_help(action))) for action in arguments(parser)
    ]
    return table(("argument", "default", "what it is"), rows)


def _written(action: argparse.Action) -> str:
    value = "" if action.nargs == 0 else _value(action)
    return ", ".join(f"{flag} {value}".strip() for flag in action.option_strings) or value


def _value(action: argparse.Action) -> str:
    if action.metavar is not None:
        return str(action.metavar)
    return "{" + ",".join(map(str, action.choices)) + "}" if action.choices else action.dest.upper()


def _usage(action: argparse.Action) -> str:
    flag = action.option_strings[-1] if action.option_strings else ""
    word = " ".join(part for part in (flag, "" if action.nargs == 0 else _value(action)) if part)
    return word if action.required else f"[{word}]"


def _help(action: argparse.Action) -> str:
    return re.sub(r"show program's version number", "print the version", action.help or "")


def _default(action: argparse.Action) -> str:
    if action.required:
        return "**required**"
    unset = not action.default or action.default == argparse.SUPPRESS
    return "" if unset else code(str(action.default))
