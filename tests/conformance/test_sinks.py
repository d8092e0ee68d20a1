"""What every sink must keep, run over the list: it retries what is temporary, stops at what is permanent,
leaks no secret, stays within the limits of its channel, and splits by bytes."""

import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from actuator.configs.sinks import AppriseSink, SlackSink, WebhookSink, WecomAppSink, WecomRobotSink
from actuator.ledger import Ledger
from actuator.message import Message, Tone
from actuator.notify.budget import Rate
from actuator.notify.parts import split
from actuator.sinks import SINKS, build, slack, webhook, wecom_app, wecom_robot
from actuator.sinks.sending import Sending, Sink, UnreadableSecretError
from actuator.sinks.verdict import Outcome
from lab import wecom as lab_wecom
from lab.hook import Gateway, Hook, Said
from lab.slack import PATH
from lab.wecom import Wecom
from nodekit.settings import SecretFile

CANARY = "canary5ecret"
LONG = Message(
    "[FIRING] 告警 🔥", Tone.DANGER, (("Where", "东京"), ("Lines", "\n".join(f"第 {n} 行 🔥 é" for n in range(600)))),
    (("Runbook", "https://example.org/r"),), ("U1",),
)  # fmt: skip


@dataclass
class Case:
    """A sink with its local channel."""

    sink: Sink
    hook: Hook
    secret: Path

    def send(self, message: Message | None = None, *, simple: bool = False) -> Any:
        return self.sink.send(message or Message("title", Tone.GOOD, (("What", "text"),)), Sending(simple))


class SlackHook(Gateway):
    """Slack's webhook without its rate limit; the real one's is lab/slack.py."""


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    opened = Ledger(f"sqlite:///{tmp_path}/l.db")
    yield opened
    opened.close()


@pytest.fixture(params=[slack, wecom_robot, wecom_app, webhook], ids=lambda module: module.NAME)
def case(request: pytest.FixtureRequest, tmp_path: Path, ledger: Ledger) -> Iterator[Case]:
    module: ModuleType = request.param
    path = tmp_path / "secret"
    secret = SecretFile(path)
    hook: Hook
    config: Any
    if module is slack:
        hook = SlackHook()
        path.write_text(f"{hook.url}{PATH}/{CANARY}")
        config = SlackSink(type="slack", webhook_url_file=secret, timeout="300ms")
    elif module is webhook:
        hook = Gateway()
        path.write_text(f"{hook.url}/sms?key={CANARY}")
        config = WebhookSink(type="webhook", url_file=secret, timeout="300ms", max_bytes=500)
    else:
        hook = Wecom()
        path.write_text(lab_wecom.SECRET if module is wecom_app else lab_wecom.KEY)
        config = (
            WecomRobotSink(type="wecom_robot", key_file=secret, api_url=hook.url, timeout="300ms")
            if module is wecom_robot
            else WecomAppSink(
                type="wecom_app", corp_id=lab_wecom.CORP, agent_id=lab_wecom.AGENT, secret_file=secret,
                to_user="@all", api_url=hook.url, timeout="300ms",
            )
        )  # fmt: skip
    with hook:
        yield Case(build("ops", config, ledger), hook, path)


def test_each_sink_is_named_after_its_file_and_says_what_it_promises() -> None:
    for module in SINKS:
        assert module.__name__.rpartition(".")[2] == module.NAME
        assert "At least once" in (module.__doc__ or "")


def test_a_message_is_delivered(case: Case) -> None:
    assert case.send().outcome is Outcome.DELIVERED


@pytest.mark.parametrize(
    ("fault", "outcome"),
    [
        (Said(429, b"slow down", {"Retry-After": "7"}), Outcome.LATER),
        (Said(500, b"rollup_error"), Outcome.LATER),
        (Said(503), Outcome.LATER),
        (Said(cut=True), Outcome.MAYBE),
        (Said(302, b"", {"Location": "http://127.0.0.1:1/"}), Outcome.BROKEN),
        (Said(401, b"who"), Outcome.BROKEN),
        (Said(410, b"channel_is_archived"), Outcome.BROKEN),
    ],
    ids=["429", "500", "503", "cut", "redirect", "401", "410"],
)
def test_what_passes_is_tried_later_and_what_does_not_breaks_the_sink(
    case: Case, fault: Said, outcome: Outcome
) -> None:
    case.send()  # so that an app has its token
    case.hook.fail_next(fault)

    verdict = case.send()

    assert verdict.outcome is outcome
    assert verdict.wait == (7 if fault.status == 429 else 0)
    assert case.send().outcome is Outcome.DELIVERED, "one failure is no state of the sink itself"


def test_a_channel_that_does_not_answer_may_have_taken_it(case: Case) -> None:
    case.send()
    case.hook.hang()

    assert case.send().outcome is Outcome.MAYBE


def test_a_channel_that_is_not_there_took_nothing(case: Case) -> None:
    case.send()
    case.hook.stop()
    try:
        assert case.send().outcome is Outcome.LATER
    finally:
        case.hook.stop = lambda: None  # type: ignore[method-assign]


def test_a_long_message_goes_out_in_parts_of_which_each_is_taken(case: Case) -> None:
    parts = split(LONG, case.sink.fits)

    assert len(parts) > 1 or isinstance(case.sink, slack.Slack)
    for part in parts:
        assert case.send(part).outcome is Outcome.DELIVERED
    for call in case.hook.calls:
        call.body.decode()  # no half character anywhere


def test_bare_text_is_taken_too(case: Case) -> None:
    (first, *_) = split(LONG, lambda message: case.sink.fits(message, simple=True))

    assert case.send(first, simple=True).outcome is Outcome.DELIVERED


def test_no_secret_stands_in_a_verdict_whatever_the_channel_answers(case: Case) -> None:
    own = case.secret.read_text()
    secrets = {own, "lab-access-token-0"} if isinstance(case.sink, wecom_app.WecomApp) else {own}
    secrets |= {CANARY} if CANARY in own else set()
    faults = [Said(status, " ".join(secrets).encode()) for status in (200, 400, 401, 403, 404, 429, 500, 302)]
    case.send()
    told = []
    for fault in [*faults, Said(cut=True)]:
        case.hook.fail_next(fault)
        told.append(case.send().detail)
    if isinstance(case.hook, Wecom):
        case.hook.say_next(40035, f"bad {own} lab-access-token-0")
        told.append(case.send().detail)

    assert [text for text in told for secret in secrets if secret in text] == []


def test_a_secret_is_read_at_each_use_and_its_absence_names_the_file_only(case: Case) -> None:
    case.secret.unlink()

    with pytest.raises(UnreadableSecretError, match="secret cannot be read"):
        case.send()


def test_nothing_is_sent_in_the_clear_to_another_machine(case: Case) -> None:
    config = case.sink._config  # type: ignore[attr-defined]
    if isinstance(config, SlackSink | WebhookSink):
        case.secret.write_text("http://198.51.100.7/hook")
    else:
        case.sink._config = config.model_copy(update={"api_url": "http://198.51.100.7"})  # type: ignore[attr-defined]

    assert case.send().outcome is Outcome.BROKEN


def test_every_sink_has_limits(case: Case) -> None:
    assert case.sink.rates
    assert all(isinstance(rate, Rate) and rate.messages > 0 for rate in case.sink.rates)


def test_apprise_says_how_to_install_it_when_it_is_not(
    tmp_path: Path, ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "apprise", None)  # as if it were not installed
    config = AppriseSink(type="apprise", url_file=SecretFile(tmp_path / "u"))

    with pytest.raises(ValueError, match=r"pip install 'chainwarden\[apprise\]'"):
        build("other", config, ledger)


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of apprise's own imports
def test_apprise_delivers_retries_and_names_no_url(
    tmp_path: Path, ledger: Ledger, caplog: pytest.LogCaptureFixture
) -> None:
    with Gateway() as server:
        (tmp_path / "u").write_text(f"{server.url.replace('http', 'json')}/{CANARY}")
        sink = build("other", AppriseSink(type="apprise", url_file=SecretFile(tmp_path / "u")), ledger)
        message = Message("title", Tone.DANGER, (("What", "text"),))

        good = sink.send(message, Sending())
        server.reply = Said(500, b"no")
        bad = sink.send(message, Sending())
        (tmp_path / "u").write_text("nonsense")
        unknown = sink.send(message, Sending())

    assert [good.outcome, bad.outcome, unknown.outcome] == [Outcome.DELIVERED, Outcome.LATER, Outcome.BROKEN]
    assert server.calls[0].json()["title"] == "title"
    assert server.calls[0].json()["message"] == "What: text"
    assert CANARY not in caplog.text + good.detail + bad.detail
