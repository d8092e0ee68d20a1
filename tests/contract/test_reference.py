"""docs/reference says what the code says, and the code says something of everything."""

from collections import Counter
from pathlib import Path

import pytest
from pydantic import BaseModel

from docs.generate.__main__ import REFERENCE, texts
from docs.generate.cli import arguments, commands, programs
from docs.generate.config import FILES, keys
from docs.generate.labels import LABELS
from docs.generate.metrics import of_the_actuator, of_the_agent, of_the_exporter

ROOT = Path(__file__).resolve().parents[2]

SHARED = {
    "service_up", "service_processes", "service_start_time_seconds", "service_cpu_seconds_total",
    "service_resident_memory_bytes", "service_state_unknown",
}  # fmt: skip
"""A host's services are seen by its agent, or by the exporter where there is none."""


def test_the_reference_is_what_the_code_says_now() -> None:
    written = {path.name: path.read_text(encoding="utf-8") for path in REFERENCE.glob("*.md")}

    assert written == texts(), "run `make docs` (python -m docs.generate) and commit docs/reference"


def test_every_metric_says_what_it_is() -> None:
    rows = [row for rows in of_the_exporter().values() for row in rows] + of_the_actuator() + of_the_agent()

    assert [row.name for row in rows if not row.help] == []
    twice = {name for name, count in Counter(row.name for row in rows).items() if count > 1}
    assert twice == SHARED, "two metrics have the same name"


def test_every_label_is_explained_and_no_other() -> None:
    rows = [row for rows in of_the_exporter().values() for row in rows] + of_the_actuator() + of_the_agent()

    assert {label for row in rows for label in row.labels} == set(LABELS), "see docs/generate/labels.py"


@pytest.mark.parametrize("model", FILES.values(), ids=FILES)
def test_every_configuration_key_says_what_it_is(model: type[BaseModel]) -> None:
    silent = [f"{owner.__module__}.{owner.__name__}.{key}" for owner, key, said in keys(model) if not said]

    assert silent == [], "write a docstring below each of these fields, then `make docs`"


@pytest.mark.parametrize(("name", "model"), FILES.items(), ids=FILES)
def test_the_shipped_configuration_shows_every_key(name: str, model: type[BaseModel]) -> None:
    text = (ROOT / "config" / name).read_text(encoding="utf-8")
    if name == "agent.yml":
        text += (ROOT / "config" / "rpc_switch.yml").read_text(encoding="utf-8")
    hidden = [f"{owner.__name__}.{key}" for owner, key, _ in keys(model) if f"{key}:" not in text]

    assert hidden == [], f"show these in config/{name}, commented out if need be"


def test_every_command_and_flag_says_what_it_does() -> None:
    parsers = {name: parser for name, (parser, _) in programs().items()}
    for name, parser in list(parsers.items()):
        for command, said, inner in commands(parser):
            assert said, f"{name} {command}"
            parsers[f"{name} {command}"] = inner

    silent = [
        f"{name}: {action.dest}"
        for name, parser in parsers.items()
        for action in arguments(parser)
        if not action.help
    ]
    assert silent == []
