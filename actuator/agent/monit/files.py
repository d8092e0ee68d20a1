"""Reads Monit's control files with what they include, and writes agent.yml."""

import glob
import os
import socket
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path

import yaml

from actuator.agent.config import read
from actuator.agent.monit.statements import Statement, statements
from actuator.agent.monit.translate import Remark, Translation, ordered, translate
from nodekit.settings import ConfigError

HEAD = """\
# Written by `chainwarden import-monit {files}`. Check it: chainwarden-agent --config.check --config.file FILE
host: {host}
# Commands come over MQTT (docs/agent.md); without a broker the agent watches all the same.
mqtt: {{host: 127.0.0.1, port: 1883}}
topics: {{command: chainwarden/{host}/command, result: chainwarden/{host}/result}}
journal: /var/lib/chainwarden/agent/agent.db
"""


class _Line(yaml.SafeDumper):
    """Lists in one line, mappings in many."""


_Line.add_representer(
    list,
    lambda dumper, value: dumper.represent_sequence(
        "tag:yaml.org,2002:seq", value, flow_style=not any(isinstance(one, dict) for one in value)
    ),
)


def imported(paths: Iterable[Path]) -> Translation:
    """Everything that the files and their includes say. Raises OSError, ValueError naming file and line."""
    found, remarks = list[Statement](), list[Remark]()
    for path in paths:
        found += _read(path, remarks, ())
    made = translate(found, os.cpu_count() or 1)
    made.remarks = sorted([*remarks, *made.remarks], key=lambda one: (one.file, one.line))
    return made


def _read(path: Path, remarks: list[Remark], above: tuple[Path, ...]) -> Iterator[Statement]:
    for statement in statements(str(path), path.read_text(encoding="utf-8")):
        yield statement
        if statement.kind != "include":
            continue
        pattern = statement.text_of(statement.plain.split()[1])
        files = [Path(name) for name in sorted(glob.glob(str(path.parent / pattern)))]  # noqa: PTH207 - it takes absolute ones
        files = [file for file in files if file.is_file() and file not in above]
        if not files:
            why = f"`include {pattern}`: there is no such file"
            remarks.append(Remark(str(path), statement.line, why))
        for file in files:
            yield from _read(file, remarks, (*above, path))


def agent_yml(made: Translation, files: Iterable[Path]) -> str:
    """The text of agent.yml."""
    host = socket.gethostname()
    parts = [HEAD.format(files=" ".join(map(str, files)), host=host), "daemons:\n"]
    for name, daemon in made.daemons.items():
        place = made.places[name]
        text = yaml.dump(
            {name: ordered(daemon)}, Dumper=_Line, sort_keys=False, default_flow_style=False, width=110,
            allow_unicode=True,
        )  # fmt: skip
        lines = [f"  # {place.file}:{place.line}", *(f"  {line}" for line in text.splitlines())]
        parts.append("\n".join(lines).replace("$", "$$") + "\n")
    return "".join(parts)


def problems(text: str) -> list[str]:
    """What the agent itself would say of it; nothing when it is valid."""
    with tempfile.TemporaryDirectory(prefix="chainwarden-import-") as folder:
        path = Path(folder) / "agent.yml"
        path.write_text(text, encoding="utf-8")
        try:
            read(path)
        except ConfigError as error:
            return [line.removeprefix(f"{folder}/") for line in str(error).splitlines()]
    return []
