"""Messages of commands and results: what lua-collectd-monitor sends and answers, and what would break it."""

import json

import pytest

from actuator.agent.admission import Rules, refusal
from actuator.remote.wire import (
    EXPIRED,
    MAX_COMMAND,
    MAX_RESULT,
    NOT_TRUSTED,
    OTHER_HOST,
    RETAINED,
    Command,
    Malformed,
    command,
    encode,
    parse,
    parse_result,
    result,
    signed,
)

NOW = 1_795_000_000.0
RECORDED = b'{"timestamp":"2026-11-20T19:38:07Z","service":"hello","command":"exec","task_id":786025998}'


def message(**members: object) -> bytes:
    return json.dumps({"task_id": 1, "timestamp": "t", "service": "s", "command": "c", **members}).encode()


def test_the_originals_command_and_result_are_read_as_they_were_recorded() -> None:
    found = parse(RECORDED)
    answered = parse_result(
        b'{"message":"Hello World!","code":0,"task_id":786025998,"timestamp":"2026-11-20T19:38:07Z"}'
    )

    assert isinstance(found, Command)
    assert (found.task_id, found.service, found.command) == (786025998, "hello", "exec")
    assert answered is not None
    assert (answered.task_id, answered.code, answered.message) == ("786025998", 0, "Hello World!")


@pytest.mark.parametrize(
    "payload",
    [
        b"5", b"true", b"null", b'"abc"', b"[]", b"{}", b"", b"{", b"\xff\xfe", b"\xef\xbb\xbf" + RECORDED,
        RECORDED + b"garbage", RECORDED.replace(b"786025998", b"true"), b"[" * 100_000, b"\0", b"NaN",
        message(service=["a"]), message(command=["exec"]), message(task_id=None), message(task_id="abc"),
        message(task_id=[1]), message(task_id={}), message(task_id=1e300), message(task_id=float("nan")),
        b'{"task_id":1,"timestamp":"t","config":{"a":1}}', b'{"task_id":1,"service":"s"}',
        b'{"task_id":1,"timestamp":"t","service":"s","command":null}', b" " * (MAX_COMMAND + 1),
        message(service="\ud800"), message(command="\udfff"), message(other=["\ud800"]),
        b'{"task_id":1,"timestamp":"t","config":"\\ud800"}', message(expires_at=True), message(expires_at="5"),
        message(host=5), b'{"task_id":1' + b"1" * 5000 + b"}",
    ],
    ids=lambda payload: repr(payload[:30]),
)  # fmt: skip
def test_what_kills_or_confuses_the_original_is_no_command(payload: bytes) -> None:
    assert isinstance(parse(payload), Malformed)


@pytest.mark.parametrize(
    ("given", "read"), [("77", 77), (1.5, 1.5), (1e15, 10**15), (0, 0), (3126260400, 3126260400)]
)
def test_task_ids_are_given_back_as_numbers(given: object, read: float) -> None:
    found = parse(message(task_id=given))

    assert isinstance(found, Command)
    assert json.loads(result(found.task_id, 0, "", NOW))["task_id"] == read


def test_a_command_wins_over_a_configuration_and_the_last_of_two_keys_counts() -> None:
    both = parse(b'{"task_id":1,"task_id":2,"config":"x","service":"s","command":"c"}')
    alone = parse(b'{"task_id":1,"timestamp":"t","config":""}')

    assert isinstance(both, Command)
    assert (both.task_id, both.command, both.config) == (2, "c", None)
    assert isinstance(alone, Command)
    assert alone.config == ""


def test_the_same_id_with_another_time_or_command_is_another_command() -> None:
    """The original's sender drew 141 different ids in 200 sends."""
    keys = {
        found.key
        for found in (parse(message()), parse(message(timestamp="u")), parse(message(command="d")))
        if isinstance(found, Command)
    }
    again = parse(message(expires_at=5))

    assert len(keys) == 3
    assert isinstance(again, Command)
    assert again.key in keys


@pytest.mark.parametrize("text", ["x" * 5000, "\n" * 5000, "字" * 3000, "\0" * 3000, '"' * 4000, "x" * 3950])
def test_a_result_fits_into_what_the_original_reads_and_says_what_was_cut(text: str) -> None:
    made = result(5010, 0, text, NOW)
    read = json.loads(made)

    assert len(made) <= MAX_RESULT
    assert (read["task_id"], read["code"]) == (5010, 0)
    assert read["message"] == text or "bytes cut" in read["message"]
    assert read["timestamp"] == "2026-11-18T11:06:40Z"


@pytest.mark.parametrize(
    ("payload", "task_id", "code"),
    [
        (b'{"message":"x","code":0}', None, 0),
        (b'{"message":"out","task_id":4}', "4", None),
        (b'{"task_id":"103","code":8199,"message":"boom"}', "103", 8199),
        (b'{"task_id":1.0,"code":0,"message":"\xff"}', "1", 0),
        (b'{"task_id":1,"code":1e300,"message":"\\ud800 and \\u0000"}', "1", None),
    ],
    ids=["no id", "no code", "id as text", "bytes that are no UTF-8", "what no database takes"],
)
def test_odd_results_of_the_original_are_read(payload: bytes, task_id: str | None, code: int | None) -> None:
    found = parse_result(payload)

    assert found is not None
    assert (found.task_id, found.code) == (task_id, code)
    assert "\0" not in found.message.encode().decode(), "and it is a text that can be stored"
    assert parse_result(b'{"cut') is None


def test_a_signature_counts_for_every_member_and_one_key() -> None:
    sent = json.loads(encode(command(1, "nginx", "restart", NOW, sender="a", host="h"), "secret"))

    assert signed(sent, "secret")
    assert not signed(sent, "other")
    assert not signed({**sent, "command": "stop"}, "secret")
    assert not signed({name: value for name, value in sent.items() if name != "sig"}, "secret")


@pytest.mark.parametrize(
    ("members", "rules", "retained", "code"),
    [
        ({}, Rules("h", {}), False, None),
        ({}, Rules("h", {}), True, RETAINED),
        ({"expires_at": NOW - 1}, Rules("h", {}), False, EXPIRED),
        ({"expires_at": NOW + 1}, Rules("h", {}, require_expiry=True), False, None),
        ({}, Rules("h", {}, require_expiry=True), False, EXPIRED),
        ({"host": "other"}, Rules("h", {}), False, OTHER_HOST),
        ({"host": "other"}, Rules(None, {}), False, None),
        ({}, Rules("h", {}, require_host=True), False, OTHER_HOST),
        ({}, Rules("h", {"a": "secret"}), False, NOT_TRUSTED),
        ({"sender": "b"}, Rules("h", {"a": "secret"}), False, NOT_TRUSTED),
        ({"sender": "a", "sig": "0"}, Rules("h", {"a": "secret"}), False, NOT_TRUSTED),
    ],
)
def test_a_command_is_refused_for_a_reason(
    members: dict[str, object], rules: Rules, retained: bool, code: int | None
) -> None:
    found = parse(message(**members))
    assert isinstance(found, Command)

    no = refusal(found, rules, NOW, retained=retained)

    assert (no[0] if no is not None else None) == code


def test_a_signed_command_of_a_known_sender_is_obeyed() -> None:
    sent = encode(command(1, "s", "c", NOW, sender="a"), "secret")
    found = parse(sent)

    assert isinstance(found, Command)
    assert refusal(found, Rules("h", {"a": "secret"}), NOW, retained=False) is None
