"""What people read is true: links lead somewhere, commands can be typed, configurations are valid, names exist."""

import re
import shlex
import subprocess
from collections.abc import Iterator
from itertools import groupby
from pathlib import Path
from typing import Any

import pytest
import yaml

from docs.generate.cli import commands, programs
from docs.generate.config import FILES
from docs.generate.markdown import anchor
from nodekit.settings import load
from tests.contract.catalogue import (
    FOREIGN,
    PROCESS,
    metrics_in,
    of_the_actuator,
    of_the_agent,
    of_the_exporter,
    records,
)

ROOT = Path(__file__).resolve().parents[2]
PAGES = sorted(
    [
        *ROOT.glob("*.md"),
        *(page for name in ("docs", "deploy", "bench") for page in ROOT.glob(f"{name}/**/*.md")),
    ]
)
WRITTEN = [page for page in PAGES if page.parent.name != "reference"]
"""Pages that people write; test_reference.py holds the others."""
EVERY_PAGE = pytest.mark.parametrize("page", WRITTEN, ids=lambda path: str(path.relative_to(ROOT)))
SOURCES = ("nodekit", "exporter", "actuator", "lab", "grafana", "alerting", "config", "deploy", "tests")
FENCE = re.compile(r"^ *```(\S*)([^\n]*)\n(.*?)^ *```$", re.M | re.S)
LINK = re.compile(r"\]\(([^)\s]+)\)")
PARSERS = {name: parser for name, (parser, _) in programs().items()}
PREFIXES = ("antelope", "evm", "oracle", "chainwarden", "logfile", "service")
METRIC = re.compile(rf"(?<![\w/.:-])(?:{'|'.join(PREFIXES)})_[a-z0-9_]*[a-z0-9](?![\w…*/.-]|_)")
NO_METRICS = {"evm_chain_id", "evm_heads", "evm_key_states"}
"""Tables and columns of oracle nodes, which only look like metrics."""
BASES: dict[str, dict[str, Any]] = {
    "exporter.yml": {},
    "actuator.yml": {
        "ledger": "sqlite:///ledger.db",
        "mqtt": {},
        "hosts": {"beijing": {"command_topic": "cmd/beijing", "result_topic": "res/beijing"}},
        "sinks": {"ops": {"type": "slack", "webhook_url_file": "slack_webhook"}},
    },
    "agent.yml": {"topics": {"command": "cmd/h1", "result": "res/h1"}, "journal": "agent.db"},
    "rpc_switch.yml": {},
}
"""What an excerpt of a file needs around it."""
SECRET = re.compile(r"(?:_file|_files\S*|\b(?:black|white)): *(?:\[|\{\w+: *)?([\w./-]+)")


def prose(page: Path) -> str:
    """The page without its code blocks."""
    return FENCE.sub("", page.read_text(encoding="utf-8"))


def blocks(page: Path, language: str) -> Iterator[tuple[str, str]]:
    """What stands behind the language, and the content, of each code block in that language."""
    for found, rest, content in FENCE.findall(page.read_text(encoding="utf-8")):
        if found == language:
            yield rest.strip(), content


def anchors(page: Path) -> set[str]:
    return {anchor(heading) for heading in re.findall(r"^#+ (.+)$", prose(page), re.M)}


def typed(page: Path) -> Iterator[list[str]]:
    """Every command of ours, as words: in a shell block, or inline code that names a program."""
    for _, content in blocks(page, "sh"):
        for line in content.replace("\\\n", " ").splitlines():
            yield from _ours(line)
    for inline in re.findall(r"`([^`]+)`", " ".join(prose(page).split())):
        if inline.startswith(("chainwarden", "python -m")):
            yield from _ours(inline)


def _ours(line: str) -> Iterator[list[str]]:
    """Programs of ours in a line of shell, each with its arguments, where it says more than the name."""
    lexer = shlex.shlex(line, posix=True, punctuation_chars=True)
    lexer.whitespace_split = True
    for ends, words in groupby(lexer, lambda word: set(word) <= set("|&;")):
        said = list(words)
        if said[:2] == ["python", "-m"]:
            said = [" ".join(said[:3]), *said[3:]]
        if not ends and len(said) > 1 and said[0] in PARSERS:
            yield said


@pytest.mark.parametrize("page", PAGES, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_link_leads_to_a_file_and_a_heading(page: Path) -> None:
    wrong = []
    for link in LINK.findall(prose(page)):
        path, _, heading = link.partition("#")
        if "://" in link:
            continue
        target = (page.parent / path).resolve() if path else page
        if not target.exists() or (heading and heading not in anchors(target)):
            wrong.append(link)

    assert wrong == []


def test_every_page_that_code_and_rules_name_exists() -> None:
    missing = []
    for folder in SOURCES:
        for path in (ROOT / folder).rglob("*.*"):
            if path.suffix in (".py", ".yml", ".json", ".sh", ".service"):
                for name in re.findall(r"\bdocs/[\w./-]+\.md", path.read_text(encoding="utf-8")):
                    if not (ROOT / name).is_file():
                        missing.append(f"{path.relative_to(ROOT)}: {name}")

    assert missing == []


def test_every_decision_has_a_number_of_its_own_and_is_listed() -> None:
    folder = ROOT / "docs" / "decisions"
    listed = (folder / "README.md").read_text(encoding="utf-8")
    pages = sorted(folder.glob("0*.md"))

    assert [int(page.name[:4]) for page in pages] == list(range(1, len(pages) + 1))
    for page in pages:
        title = page.read_text(encoding="utf-8").splitlines()[0]
        assert title.startswith(f"# {page.name[:4]} "), page.name
        assert f"({page.name}) {title[7:]}\n" in listed, page.name


@EVERY_PAGE
def test_every_command_of_ours_can_be_typed(page: Path) -> None:
    for program, *words in typed(page):
        parser = PARSERS[program]
        if words == [words[0]] and words[0] in {name for name, _, _ in commands(parser)}:
            continue  # a command is mentioned, not shown
        try:
            parser.parse_args(["7" if word in ("NUMBER", "TASK_ID") else word for word in words])
        except SystemExit as end:
            assert end.code == 0, f"{program} {shlex.join(words)}"


@EVERY_PAGE
def test_every_expression_asks_for_what_is_published(page: Path) -> None:
    known = of_the_exporter() | of_the_actuator() | of_the_agent() | records() | FOREIGN | PROCESS
    for _, content in blocks(page, "sh"):
        for expression in re.findall(r"promtool query instant \S+ '([^']+)'", content):
            assert metrics_in(expression) <= known, expression


@EVERY_PAGE
def test_every_metric_that_is_named_is_published(page: Path) -> None:
    known = of_the_exporter() | of_the_actuator() | of_the_agent() | records() | NO_METRICS
    text = page.read_text(encoding="utf-8")

    assert {name for name in METRIC.findall(text) if name not in known} == set()


@EVERY_PAGE
def test_every_test_that_is_named_exists(page: Path) -> None:
    named = set(re.findall(r"`(test_\w+(?:\.py)?)`", page.read_text(encoding="utf-8")))
    if named:
        files = list((ROOT / "tests").rglob("test_*.py"))
        there = {path.name for path in files}
        there |= {name for path in files for name in re.findall(r"^ *def (test_\w+)", path.read_text(), re.M)}
        assert named <= there


@pytest.mark.parametrize("language", ["zh", "ja"])
def test_the_readmes_name_the_same_commands_in_every_language(language: str) -> None:
    def said(name: str) -> list[str]:
        lines = [line for _, content in blocks(ROOT / name, "sh") for line in content.splitlines()]
        return [re.split(r"\s+#\s", line)[0] for line in lines]

    assert said(f"README.{language}.md") == said("README.md")


@pytest.mark.parametrize("language", ["zh", "ja"])
def test_the_readmes_say_in_every_language_when_it_acts(language: str) -> None:
    """A row for each case, with the same settings and commands in it."""

    def cases(name: str) -> list[list[str]]:
        (table,) = (part for part in prose(ROOT / name).split("\n\n") if "`mode: bounded`" in part)
        return [re.findall(r"`[^`]+`", row) for row in table.splitlines()]

    assert cases(f"README.{language}.md") == cases("README.md")


CONFIGS = [
    pytest.param(name, content, id=f"{page.relative_to(ROOT)}-{number}")
    for page in PAGES
    for number, (name, content) in enumerate(blocks(page, "yaml"))
    if name in FILES
]


@pytest.mark.parametrize(("name", "content"), CONFIGS)
def test_every_configuration_in_the_docs_is_valid(
    name: str, content: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RPC_KEY", "k")
    text = content.replace("…", "0").replace("/run/secrets/", "").replace("/etc/chainwarden/", "")
    for secret in SECRET.findall(text):
        (tmp_path / secret).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / secret).write_text("https://hooks.slack.com/services/T/B/x")
    given = yaml.safe_load(text)
    (tmp_path / "slack_webhook").write_text("https://hooks.slack.com/services/T/B/x")
    around = {key: value for key, value in BASES[name].items() if key not in given}
    file = tmp_path / name
    file.write_text(text + "\n" + yaml.safe_dump(around) if around else text)

    load(file, FILES[name])


def test_there_are_configurations_to_check() -> None:
    assert len(CONFIGS) >= 4


RULES = [content for page in PAGES for name, content in blocks(page, "yaml") if name == "rules"]


@pytest.mark.parametrize("content", RULES, ids=range(len(RULES)))
def test_every_rule_file_in_the_docs_is_one(content: str, tmp_path: Path) -> None:
    (tmp_path / "rules.yml").write_text(content)
    checked = subprocess.run(
        ["promtool", "check", "rules", "--lint-fatal", str(tmp_path / "rules.yml")],
        capture_output=True, text=True, check=False,
    )  # fmt: skip

    assert checked.returncode == 0, checked.stdout + checked.stderr
