"""Every wrong config file gets a line that says where, what, and what to write."""

from pathlib import Path

import pytest
from pydantic import Field

from nodekit.settings import ConfigError, Duration, Secret, Settings, load, parse_duration
from nodekit.yamlfile import read_yaml


class Node(Settings):
    name: str
    url: str


class Group(Settings):
    mode: str = "strict"
    wait: Duration = 1.0
    nodes: tuple[Node, ...] = ()


class Top(Settings):
    groups: dict[str, Group] = Field(default_factory=dict)
    secret_file: Secret | None = None


def problems(tmp_path: Path, text: str) -> list[str]:
    """What is wrong with a file, without its folder."""
    path = tmp_path / "a.yml"
    path.write_text(text)
    with pytest.raises(ConfigError) as caught:
        load(path, Top)
    return [line.replace(f"{tmp_path}/", "") for line in caught.value.problems]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "groups:\n  eos:\n    mdoe: strict\n",
            "a.yml:3: groups.eos.mdoe: unknown key; did you mean `mode`?",
        ),
        ("groups:\n  eos:\n    x: 1\n", "a.yml:3: groups.eos.x: unknown key; known here: mode, nodes, wait"),
        (
            "groups:\n  eos:\n    mode: a\n    mode: b\n",
            "a.yml:4: groups.eos.mode: is written twice, first in line 3; keep one of them",
        ),
        (
            "groups:\n  eos: {wait: 5 apples}\n",
            "a.yml:2: groups.eos.wait: '5 apples' is no duration; "
            "write a number with a unit, such as 500ms, 30s or 1h30m",
        ),
        (
            "groups:\n  eos:\n    nodes:\n      - {name: a}\n",
            "a.yml:4: groups.eos.nodes[0].url: is missing; add it",
        ),
        (
            "secret_file: nowhere\n",
            "a.yml:1: secret_file: the file nowhere cannot be read: No such file or directory",
        ),
        (
            "groups:\n  eos: {mode: '${NOT_SET_ANYWHERE}'}\n",
            "a.yml:2: groups.eos.mode: environment variable NOT_SET_ANYWHERE is not set; "
            "set it, or write $$ for a $",
        ),
        ("groups: [\n", "a.yml:2: not valid YAML: expected the node content, but found '<stream end>'"),
        ("- 1\n", "a.yml:1: (top level): write `key: value` lines, this is no mapping"),
        ("", "a.yml:1: (top level): write `key: value` lines, this is no mapping"),
    ],
)
def test_a_wrong_file_is_refused_with_file_line_and_key(tmp_path: Path, text: str, expected: str) -> None:
    assert problems(tmp_path, text) == [expected]


def test_every_problem_of_a_file_is_told_at_once(tmp_path: Path) -> None:
    found = problems(tmp_path, "groups:\n  a: {wait: 1}\n  b: {mode: [1]}\nnothing: 1\n")

    assert [line.split(": ")[0] for line in found] == ["a.yml:2", "a.yml:3", "a.yml:4"]


def test_a_file_that_is_missing_or_not_text_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"none\.yml: cannot be read: No such file"):
        load(tmp_path / "none.yml", Top)
    binary = tmp_path / "b.yml"
    binary.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ConfigError, match="is not UTF-8 text"):
        load(binary, Top)


def test_an_unreadable_and_an_empty_secret_are_told_apart(tmp_path: Path) -> None:
    (tmp_path / "empty").write_text(" \n")
    (tmp_path / "folder").mkdir()

    assert problems(tmp_path, "secret_file: empty\n")[0].endswith("empty is empty")
    assert problems(tmp_path, "secret_file: folder\n")[0].endswith("cannot be read: Is a directory")


def test_a_secret_is_read_at_each_use_and_never_shown(tmp_path: Path) -> None:
    secret = tmp_path / "token"
    secret.write_text("one\n")
    path = tmp_path / "a.yml"
    path.write_text("secret_file: token\n")
    config = load(path, Top)
    assert config.secret_file is not None

    secret.write_text("two\n")

    assert config.secret_file.reveal() == "two"
    assert "two" not in repr(config)


def test_environment_variables_are_put_in_and_dates_stay_text(tmp_path: Path) -> None:
    path = tmp_path / "a.yml"
    path.write_text("a: x${NAME}y\nb: $$5\nc: 2026-12-01\n")

    assert read_yaml(path, {"NAME": "-"}).value == {"a": "x-y", "b": "$5", "c": "2026-12-01"}


@pytest.mark.parametrize(
    ("text", "seconds"), [("500ms", 0.5), ("30s", 30), ("1h30m", 5400), ("1.5s", 1.5), ("2d", 172800)]
)
def test_durations_are_written_as_prometheus_writes_them(text: str, seconds: float) -> None:
    assert parse_duration(text) == seconds
