"""The templated webhook: SMS gateways of the old kind and JSON APIs of the new one."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from actuator.configs.sinks import WebhookSink
from actuator.message import Message, Tone
from actuator.sinks.checks import problem_of
from actuator.sinks.sending import Sending
from actuator.sinks.verdict import Outcome
from actuator.sinks.webhook import Webhook
from lab.hook import Gateway, Said, said
from lab.sms import Sms
from nodekit.settings import SecretFile

MESSAGE = Message(
    "[告警] a&b=c", Tone.DANGER, (("What", 'quote " and \n newline'),), mentions=("13800000000",)
)


def sink_of(folder: Path, url: str, **options: Any) -> Webhook:
    (folder / "url").write_text(url)
    (folder / "password").write_text("lab-sms-password\n")
    return Webhook("sms", WebhookSink(type="webhook", url_file=SecretFile(folder / "url"), **options))


def gateway_options(folder: Path) -> dict[str, Any]:
    return {
        "method": "GET",
        "query": {"action": "send", "account": "ops", "password": "{{ secret.password }}", "mobile": "13800000000",
                  "content": "{{ title | truncate_bytes(60) }}【EOS主网运维】"},
        "secret_files": {"password": SecretFile(folder / "password")},
        "success": {"json_field": "returnstatus", "equals": "Success"},
    }  # fmt: skip


@pytest.fixture
def sms() -> Iterator[Sms]:
    with Sms() as server:
        yield server


def test_an_sms_gateway_of_eoskeepers_kind_gets_what_it_wants(sms: Sms, tmp_path: Path) -> None:
    verdict = sink_of(tmp_path, f"{sms.url}{Sms.PATH}", **gateway_options(tmp_path)).send(MESSAGE, Sending())

    assert verdict.outcome is Outcome.DELIVERED
    assert sms.messages == ["[告警] a&b=c【EOS主网运维】"]


def test_a_gateway_that_says_200_and_means_no_is_not_believed(sms: Sms, tmp_path: Path) -> None:
    sms.password = "another"

    verdict = sink_of(tmp_path, f"{sms.url}{Sms.PATH}", **gateway_options(tmp_path)).send(MESSAGE, Sending())

    assert (verdict.outcome, verdict.wait) == (Outcome.REFUSED, 20.0), (
        "its own words may mean that it is busy"
    )
    assert "wrong account or password" in verdict.detail and "lab-sms-password" not in verdict.detail


def test_values_become_json_as_data_whatever_they_contain(tmp_path: Path) -> None:
    with Gateway(said({"ok": 1})) as server:
        sink = sink_of(
            tmp_path, server.url, json_body={"msg": {"text": "{{ text }}", "who": ["{{ mentions | join }}"]}, "n": 1},
            headers={"X-Title": "{{ title }}\r\nEvil: 1"},
        )  # fmt: skip
        sink.send(MESSAGE, Sending())

    body = server.calls[0].json()
    assert body == {
        "msg": {"text": '[告警] a&b=c\nWhat:\nquote " and \n newline', "who": ["13800000000"]},
        "n": 1,
    }
    assert "Evil" not in server.calls[0].headers


def test_a_form_is_encoded(tmp_path: Path) -> None:
    with Gateway() as server:
        sink_of(tmp_path, server.url, form_body={"t": "{{ title }}"}).send(MESSAGE, Sending())

    assert server.calls[0].body == b"t=%5B%E5%91%8A%E8%AD%A6%5D+a%26b%3Dc"


@pytest.mark.parametrize(
    ("success", "body", "outcome"),
    [
        ({"contains": "ok"}, b"all ok", Outcome.DELIVERED),
        ({"contains": "ok"}, b"no", Outcome.REFUSED),
        ({"json_field": "a.0.code", "equals": "0"}, b'{"a": [{"code": 0}]}', Outcome.DELIVERED),
        ({"json_field": "a.0.code", "equals": "0"}, b"html", Outcome.REFUSED),
        ({"status": [204]}, b"", Outcome.REFUSED),
    ],
)
def test_success_is_what_the_configuration_calls_it(
    tmp_path: Path, success: dict[str, Any], body: bytes, outcome: Outcome
) -> None:
    with Gateway(Said(200, body)) as server:
        verdict = sink_of(tmp_path, server.url, success=success).send(MESSAGE, Sending())

    assert verdict.outcome is outcome


@pytest.mark.parametrize(
    ("template", "words"),
    [
        ("{{ titel }}", "'titel' is undefined"),
        ("{{ title", "unexpected end of template"),
        ("{{ ''.__class__ }}", "unsafe"),
    ],
)
def test_a_wrong_template_is_found_before_the_start(tmp_path: Path, template: str, words: str) -> None:
    config = WebhookSink(type="webhook", url_file=SecretFile(tmp_path / "u"), json_body={"a": [template]})

    assert words in (problem_of("sms", config) or "")
