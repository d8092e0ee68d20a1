"""Every message in every language, as operators read it; and an operator's own templates.

Write the golden files anew with `GOLDEN=write pytest tests/unit/test_texts.py`, then read the difference.
"""

import os
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
import yaml

from actuator.__main__ import main
from actuator.alert import Alert
from actuator.failover.machine import Phase
from actuator.failover.state import NoticeKind
from actuator.message import Message, alert_note, plain
from actuator.notify.samples import SAMPLES
from actuator.notify.texts import LANGUAGES, OURS, TemplateFaultError, Texts, domain_of, local

GOLDEN = Path(__file__).resolve().parents[1] / "golden" / "messages"
NOW = 1_700_000_000.0
DONE = [
    {
        "action": "failover",
        "target": "group:eosstorebest",
        "group": "eosstorebest",
        "state": "ok",
        "detail": "attached to takeover #3",
    },
    {
        "action": "recover",
        "target": "host:tokyo/nodeos",
        "service": "nodeos",
        "command": "restart",
        "host": "tokyo",
        "state": "unknown",
        "detail": "",
    },
]
TEXTS = Texts(external_url="https://chainwarden.example.org")


def shown(message: Message) -> str:
    links = "\n".join(f"<{label}> {url}" for label, url in message.links)
    return f"[{message.tone}]\n{plain(message)}\n{links}".rstrip() + "\n"


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_message_reads_as_it_should(language: str) -> None:
    parts = []
    for name, note in SAMPLES.items():
        actions = DONE if name.startswith("node") else ()
        parts.append(f"=== {name}\n{shown(TEXTS.write(note, language, NOW, actions))}")
    text = "\n".join(parts)
    path = GOLDEN / f"{language}.txt"
    if os.environ.get("GOLDEN") == "write":
        path.write_text(text, encoding="utf-8")

    assert text == path.read_text(encoding="utf-8")


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_language_has_every_word(language: str) -> None:
    words = {name: yaml.safe_load((OURS / f"words.{name}.yml").read_text("utf-8")) for name in LANGUAGES}

    assert words[language].keys() == words["en"].keys()
    for group in ("units", "acts"):
        assert words[language][group].keys() == words["en"][group].keys()
    if language != "en":
        assert words[language]["phases"].keys() == set(Phase)
        assert words[language]["notices"].keys() >= set(NoticeKind)


@pytest.mark.parametrize("language", ["zh", "ja"])
def test_no_english_label_is_left_in_another_language(language: str) -> None:
    english = yaml.safe_load((OURS / "words.en.yml").read_text("utf-8"))
    words = yaml.safe_load((OURS / f"words.{language}.yml").read_text("utf-8"))

    same = {key for key, text in words.items() if isinstance(text, str) and text == english[key]}
    assert same <= {"lib", "colon"}


def test_an_alert_belongs_to_a_domain_by_its_name() -> None:
    assert [domain_of(name) for name in ("AntelopeProducerDown", "AntelopeNodeDown", "OracleJobErrors", "X")] == [
        "producer", "node", "oracle", "other",
    ]  # fmt: skip


def test_a_rule_can_speak_the_language_itself() -> None:
    note = SAMPLES["node"]
    values = {**note.values, "annotations": {"summary": "english", "summary_zh": "规则自己的话"}}

    message = TEXTS.write(note.__class__(note.kind, 0, "", "", values), "zh", NOW)

    assert message.paragraphs[0][1] == "规则自己的话"


def test_a_label_that_looks_like_a_placeholder_stays_what_it_is() -> None:
    labels = {"alertname": "AntelopeNodeDown", "node": "{host}{0.__class__}", "host": "h"}

    message = TEXTS.write(alert_note(Alert("firing", "f", labels, {}, 0.0)), "zh", NOW)

    assert message.paragraphs[0][1].startswith("节点 {host}{0.__class__} 没有响应")


@pytest.mark.parametrize(
    ("zone", "shown"),
    [("UTC", "2023-11-14 22:13:20 UTC"), ("Asia/Tokyo", "2023-11-15 07:13:20 UTC+9"),
     ("Asia/Kolkata", "2023-11-15 03:43:20 UTC+5:30"), ("America/New_York", "2023-11-14 17:13:20 UTC-5")],
)  # fmt: skip
def test_times_are_told_by_the_clock_that_the_configuration_names(zone: str, shown: str) -> None:
    assert local(NOW, ZoneInfo(zone)) == shown
    alert = Alert("firing", "f", {"alertname": "T"}, {}, NOW)
    assert shown in plain(Texts(zone=ZoneInfo(zone)).write(alert_note(alert), "en", NOW))


def test_own_templates_and_words_go_before_ours(tmp_path: Path) -> None:
    (tmp_path / "zh").mkdir()
    (tmp_path / "zh" / "test.j2").write_text('{{ title("自己的") }}')
    (tmp_path / "words.en.yml").write_text("firing: ALARM\nsummaries: {AntelopeNodeDown: It is down.}\n")
    texts = Texts(tmp_path)

    assert texts.write(SAMPLES["test"], "zh", NOW).title == "自己的"
    assert texts.write(SAMPLES["test"], "en", NOW).title == "Test message of chainwarden"
    node = texts.write(SAMPLES["node"], "en", NOW)
    assert node.title.startswith("[ALARM] ") and node.paragraphs[0][1].startswith("It is down.")


def test_the_template_in_the_docs_works(tmp_path: Path) -> None:
    page = (Path(__file__).parents[2] / "docs" / "messages.md").read_text(encoding="utf-8")
    (tmp_path / "alert.j2").write_text(page.partition("```jinja\n")[2].partition("```")[0])
    texts = Texts(tmp_path)

    message = texts.write(SAMPLES["log"], "en", NOW)

    assert message.title == "LogErrors plugin"
    assert [label for label, _ in message.paragraphs] == ["What", "Since", "Lines"]
    assert dict(message.paragraphs)["Since"] == "2023-11-14 22:00:46 UTC, 13 min"


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        ("alert.j2", "{{ title(name) }}\n{{ titel }}", "alert.j2:2: 'titel' is undefined"),
        ("alert.j2", "{% if %}", "alert.j2:1: Expected an expression"),
        (
            "alert.j2",
            "{{ ''.__class__.__mro__ }}",
            "alert.j2:1: access to attribute '__class__' of 'str' object is unsafe",
        ),
        ("alert.j2", "{{ starts_at + 'x' }}", "alert.j2:1: unsupported operand"),
        ("words.zh.yml", "firng: x\n", "words.zh.yml: firng: no template uses this word"),
        ("words.zh.yml", "firing: [x]\n", "words.zh.yml: firing: write text"),
        ("words.zh.yml", "a: b: c\n", "words.zh.yml: mapping values"),
    ],
)
def test_a_wrong_template_is_refused_at_the_start_with_its_place(
    tmp_path: Path, name: str, text: str, words: str
) -> None:
    (tmp_path / name).write_text(text)

    with pytest.raises(TemplateFaultError) as caught:
        Texts(tmp_path)
    assert str(caught.value).startswith(words)


def test_config_check_names_the_wrong_template(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "own").mkdir()
    (tmp_path / "own" / "alert.j2").write_text("{{ nonsense }}")
    path = tmp_path / "actuator.yml"
    path.write_text("ledger: sqlite:///l.db\nnotify:\n  templates: own\n")

    assert main(["--config.check", "--config.file", str(path)]) == 1
    said = capsys.readouterr()
    assert (
        ":2: notify: templates: alert.j2:1: 'nonsense' is undefined (tried with the sample node in en)"
        in said.err + said.out
    )
