"""The wording of notes: Jinja2 templates by language, in a sandbox; an operator's own go before ours.

A template does not print a message, it says it piece by piece: `title(…)`, `say(label, text)`,
`link(label, url)`. So nothing that an alert contains can become structure, whatever it contains.
"""

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote
from zoneinfo import ZoneInfo

import yaml
from jinja2 import FileSystemLoader, StrictUndefined, TemplateError, TemplateNotFound
from jinja2.sandbox import ImmutableSandboxedEnvironment

from actuator.message import Message, Note, Tone, clean, cut, lasted, web_links
from actuator.notify.samples import SAMPLES

LANGUAGES = ("en", "zh", "ja")
OURS = Path(__file__).resolve().parents[1] / "templates"
DOMAINS = (
    ("producer", ("AntelopeProducer", "AntelopeGroup")),
    ("node", ("Antelope",)),
    ("oracle", ("Oracle", "Job", "Feed")),
    ("balance", ("Balance", "Runway", "Account", "Wallet", "Token")),
    ("rpc", ("Rpc", "Network", "Evm")),
    ("log", ("Log",)),
    ("service", ("Service", "Agent", "Host", "Process")),
    ("chainwarden", ("Chainwarden",)),
)
"""What an alert is about, by how its name begins; the first that fits."""
NAMED = (
    "node", "group", "producer", "target", "job_name", "oracle", "feed", "name", "service", "log", "sink",
    "endpoint", "network", "host",
)  # fmt: skip
"""Labels that name what an alert is about, for its title."""
ELSE = ("chain", "instance", "job")
"""What does so, the first of them, where none of those is there."""


TITLE = 140
"""Characters of a title; Slack's limit is 150, marks come before it."""


class TemplateFaultError(Exception):
    """A template is wrong; the text says which, where and why."""


@dataclass(slots=True)
class _Draft:
    """A message while its template says it."""

    title_text: str = ""
    tone: Tone = Tone.WARNING
    paragraphs: list[tuple[str, str]] = field(default_factory=list)
    links: list[tuple[str, str]] = field(default_factory=list)
    quoted: set[str] = field(default_factory=set)

    def title(self, text: str = "", caller: Callable[[], str] | None = None) -> str:
        """Name the message."""
        self.title_text = cut(clean(" ".join((caller() if caller else text).split())), TITLE)
        return ""

    def say(self, label: str, text: str = "", caller: Callable[[], str] | None = None) -> str:
        """Add a paragraph; an empty one is left out."""
        body = clean(caller() if caller else str(text)).strip(" \n")
        if body:
            self.paragraphs.append((label, body))
        return ""

    def quote(self, label: str, text: str) -> str:
        """Add a paragraph in which every sign stands for itself."""
        self.quoted.add(label)
        return self.say(label, text)

    def link(self, label: str, url: str) -> str:
        """Add a link; what leads to no web address is left out."""
        self.links.extend(web_links(((label, clean(str(url))),)))
        return ""

    def look(self, tone: str) -> str:
        """Set the tone: good, warning or danger."""
        self.tone = Tone(tone)
        return ""


class Texts:
    """Writes messages. Thread-safe."""

    def __init__(
        self, own: Path | None = None, external_url: str = "", zone: ZoneInfo = ZoneInfo("UTC")
    ) -> None:
        """Read and try every template, in every language. Raises TemplateFaultError."""
        self._own = own
        self._external_url = external_url
        self.words = {language: _words(language, own) for language in LANGUAGES}
        self._environments = {
            language: _environment(language, own, zone, self.words[language]["units"])
            for language in LANGUAGES
        }
        for language in LANGUAGES:
            for name, note in SAMPLES.items():
                try:
                    self.write(note, language, 1_700_000_000.0, actions=())
                except TemplateFaultError as error:
                    raise TemplateFaultError(
                        f"{error} (tried with the sample {name} in {language})"
                    ) from None

    def write(
        self, note: Note, language: str, now: float, actions: Sequence[Mapping[str, str]] = ()
    ) -> Message:
        """The message of a note as of `now`. Raises TemplateFaultError."""
        draft = _Draft()
        try:
            values = self._values(note, language, now, draft)
            values["actions"] = [self._named(action, language) for action in actions]
            self._environments[language].get_template(f"{note.kind}.j2").render(values)
        except TemplateNotFound as error:
            raise TemplateFaultError(f"the template {error.name} is missing") from None
        except TemplateError as error:
            line = getattr(error, "lineno", None) or _line(error)
            where = f"{note.kind}.j2{f':{line}' if line else ''}"
            raise TemplateFaultError(f"{where}: {error.message}") from None
        except (TypeError, ValueError, AttributeError, ArithmeticError, LookupError) as error:
            where = f"{note.kind}.j2:{_line(error) or '?'}"
            raise TemplateFaultError(f"{where}: {error}") from None
        return Message(
            draft.title_text or note.kind, draft.tone, tuple(draft.paragraphs), tuple(draft.links),
            quoted=frozenset(draft.quoted), colon=self.words[language]["colon"],
        )  # fmt: skip

    def _values(self, note: Note, language: str, now: float, draft: _Draft) -> dict[str, Any]:
        """What a template may use. Raises LookupError for a note that is not whole."""
        values = {
            **note.values,
            **(self._alert(note.values, language, now) if "labels" in note.values else {}),
            "now": now,
            "chainwarden_url": self._external_url,
            "w": self.words[language],
            "title": draft.title,
            "say": draft.say,
            "quote": draft.quote,
            "link": draft.link,
            "look": draft.look,
        }
        if "title" in note.values:
            values["notice"] = dict(note.values)
        return values

    def _named(self, action: Mapping[str, str], language: str) -> dict[str, str]:
        """An action with `what` it does in words; empty where the language has none for it."""
        words = str(self.words[language]["acts"].get(action["action"], ""))
        known = {key: clean(text) for key, text in action.items()}
        return {**known, "what": _filled(words, known)}

    def _alert(self, values: Mapping[str, Any], language: str, now: float) -> dict[str, Any]:
        """What a template may say of an alert."""
        labels = {clean(key): clean(text) for key, text in values["labels"].items()}
        annotations = {clean(key): clean(text) for key, text in values["annotations"].items()}
        name = labels.get("alertname", "-")
        ended = values["ends_at"] if values["ends_at"] is not None else now
        return {
            "labels": labels,
            "annotations": annotations,
            "name": name,
            "firing": values["status"] == "firing",
            "severity": labels.get("severity", ""),
            "subject": subject_of(labels),
            "domain": domain_of(name),
            "summary": self._summary(name, labels, annotations, language),
            "description": annotations.get(f"description_{language}", "")
            or annotations.get("description", ""),
            "silence_url": _silence(clean(values["external_url"]), labels),
            "ended_at": ended,
            "duration": lasted(max(0.0, ended - values["starts_at"]), self.words[language]["units"]),
            "others": {
                key: text for key, text in sorted(labels.items()) if key not in ("alertname", "severity")
            },
        }

    def _summary(
        self, name: str, labels: Mapping[str, str], annotations: Mapping[str, str], language: str
    ) -> str:
        own = annotations.get(f"summary_{language}", "")
        words = str(self.words[language]["summaries"].get(name, ""))
        return own or _filled(words, {**labels, **annotations}) or annotations.get("summary", "")


def _filled(text: str, values: Mapping[str, str]) -> str:
    """Text with `{label}` replaced, in one pass: what a label contains is never looked at again."""
    return re.sub(r"\{(\w+)\}", lambda found: values.get(found[1]) or "?", text)


def _silence(alertmanager: str, labels: Mapping[str, str]) -> str:
    """Alertmanager's form for a silence of exactly this alert."""
    if not alertmanager:
        return ""
    matchers = ",".join(
        f"{key}={json.dumps(text, ensure_ascii=False)}" for key, text in sorted(labels.items())
    )
    return f"{alertmanager.rstrip('/')}/#/silences/new?filter={quote('{' + matchers + '}')}"[:2000]


def subject_of(labels: Mapping[str, str]) -> str:
    """What an alert is about, by its labels."""
    named = [labels[key] for key in NAMED if labels.get(key)]
    return " ".join(dict.fromkeys(named or [labels[key] for key in ELSE if labels.get(key)][:1]))


def domain_of(name: str) -> str:
    """What an alert is about: producer, node, oracle, balance, rpc, log, service, chainwarden or other."""
    return next((domain for domain, starts in DOMAINS if name.startswith(starts)), "other")


def _environment(
    language: str, own: Path | None, zone: ZoneInfo, units: Mapping[str, str]
) -> ImmutableSandboxedEnvironment:
    folders = [own / language, own, OURS] if own is not None else [OURS]
    made = ImmutableSandboxedEnvironment(
        loader=FileSystemLoader(folders),
        undefined=StrictUndefined,
        autoescape=False,  # nothing here is HTML; each channel neutralises its own markup
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters["utc"] = lambda at: f"{datetime.fromtimestamp(at, UTC):%Y-%m-%d %H:%M:%S} UTC"
    made.filters["at"] = lambda at: local(at, zone)
    made.filters["lasted"] = lambda seconds: lasted(seconds, units)
    return made


def local(at: float, zone: ZoneInfo) -> str:
    """A moment (unix seconds) with its date, by a zone's clock: `2026-12-01 04:00:00 UTC+9`."""
    moment = datetime.fromtimestamp(at, zone)
    offset = moment.utcoffset()
    minutes = 0 if offset is None else round(offset.total_seconds() / 60)
    hours, rest = divmod(abs(minutes), 60)
    sign = "" if not minutes else f"{'+' if minutes > 0 else '-'}{hours}" + (f":{rest:02d}" if rest else "")
    return f"{moment:%Y-%m-%d %H:%M:%S} UTC{sign}"


def _words(language: str, own: Path | None) -> dict[str, Any]:
    """The words of a language, with the operator's own in place of ours. Raises TemplateFaultError."""
    found: dict[str, Any] = {}
    for folder in (OURS, own):
        path = folder / f"words.{language}.yml" if folder is not None else None
        if path is None or not path.exists():
            continue
        try:
            read = yaml.safe_load(path.read_text(encoding="utf-8")) or {}
        except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
            raise TemplateFaultError(f"{path.name}: {error}") from None
        if not isinstance(read, dict):
            raise TemplateFaultError(f"{path.name}: write `word: text` lines")
        ours = dict(found)
        for key, text in read.items():
            _check_word(path.name, key, text, ours)
            found[key] = {**found[key], **text} if isinstance(text, dict) and key in found else text
    return found


def _check_word(name: str, key: object, text: object, ours: Mapping[str, Any]) -> None:
    if ours and key not in ours:
        raise TemplateFaultError(f"{name}: {key}: no template uses this word")
    if not isinstance(text, dict if isinstance(ours.get(str(key)), dict) else str | dict):
        raise TemplateFaultError(f"{name}: {key}: write text, in quotes if it looks like something else")


def _line(error: BaseException) -> int | None:
    """The template's line that an exception of Python's came from."""
    found, trace = None, error.__traceback__
    while trace is not None:
        if trace.tb_frame.f_code.co_filename.endswith(".j2"):
            found = trace.tb_lineno
        trace = trace.tb_next
    return found
