"""WeCom answers HTTP 200 to everything: each errcode of the table is handled as the table says."""

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import select

from actuator.configs.sinks import WecomAppSink, WecomRobotSink
from actuator.ledger import Ledger
from actuator.message import Message, Tone
from actuator.schema import shared_token
from actuator.sinks import wecom
from actuator.sinks.sending import Sending
from actuator.sinks.token import Given, SharedToken, seal, unseal
from actuator.sinks.verdict import Outcome
from actuator.sinks.wecom_app import WecomApp
from actuator.sinks.wecom_robot import WecomRobot
from lab import wecom as lab
from lab.hook import said
from lab.wecom import Wecom
from nodekit.settings import SecretFile
from tests.unit.notify_bench import opened

MESSAGE = Message(
    "[告警] 节点", Tone.DANGER, (("故障", "没有响应"),), (("手册", "https://r/x(1)"),), ("zhang",)
)


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    yield from opened(tmp_path)


@pytest.fixture
def server() -> Iterator[Wecom]:
    with Wecom() as running:
        yield running


@pytest.fixture
def robot(server: Wecom, tmp_path: Path) -> WecomRobot:
    (tmp_path / "key").write_text(lab.KEY)
    key = SecretFile(tmp_path / "key")
    return WecomRobot(
        "ops", WecomRobotSink(type="wecom_robot", key_file=key, api_url=server.url, timeout="2s")
    )


def app_of(
    server: Wecom, ledger: Ledger, folder: Path, secret: str = lab.SECRET, agent: int = lab.AGENT
) -> WecomApp:
    (folder / "secret").write_text(secret)
    config = WecomAppSink(
        type="wecom_app", corp_id=lab.CORP, agent_id=agent, secret_file=SecretFile(folder / "secret"),
        to_user=["zhang", "li"], api_url=server.url, timeout="2s",
    )  # fmt: skip
    return WecomApp("ops", config, ledger)


@pytest.fixture
def app(server: Wecom, ledger: Ledger, tmp_path: Path) -> WecomApp:
    return app_of(server, ledger, tmp_path)


ROWS = [
    (-1, Outcome.LATER, 0), (6000, Outcome.LATER, 0), (45033, Outcome.LATER, 0), (45009, Outcome.LATER, 60),
    (40001, Outcome.BROKEN, 0), (40013, Outcome.BROKEN, 0), (40091, Outcome.BROKEN, 0),
    (40003, Outcome.BROKEN, 0), (40031, Outcome.BROKEN, 0), (40032, Outcome.BROKEN, 0), (81013, Outcome.BROKEN, 0),
    (40056, Outcome.BROKEN, 0), (41011, Outcome.BROKEN, 0), (48002, Outcome.BROKEN, 0), (60011, Outcome.BROKEN, 0),
    (301002, Outcome.BROKEN, 0), (60020, Outcome.BROKEN, 0),
    (40008, Outcome.SIMPLER, 0), (40033, Outcome.SIMPLER, 0), (40035, Outcome.SIMPLER, 0), (40058, Outcome.SIMPLER, 0),
    (44004, Outcome.SIMPLER, 0), (45002, Outcome.SIMPLER, 0),
    (93000, Outcome.BROKEN, 0), (93004, Outcome.BROKEN, 0), (93008, Outcome.BROKEN, 0),
    (77777, Outcome.LATER, 0),
]  # fmt: skip


@pytest.mark.parametrize(("errcode", "outcome", "wait"), ROWS, ids=[str(row[0]) for row in ROWS])
def test_each_errcode_means_what_the_table_says_for_robot_and_app(
    robot: WecomRobot, app: WecomApp, server: Wecom, errcode: int, outcome: Outcome, wait: float
) -> None:
    for sink in (robot, app):
        server.say_next(errcode, "some words")
        verdict = sink.send(MESSAGE, Sending())

        assert (verdict.outcome, verdict.wait) == (outcome, wait)
        assert f"errcode {errcode}" in verdict.detail
        assert "hint" not in verdict.detail, "it is another one for each call"
    assert server.robot_messages == server.app_messages == []
    assert len(server.tokens_given) == 1


def test_every_row_of_the_table_is_tested() -> None:
    tokens = {40014, 42001, 41001}

    assert {row[0] for row in ROWS} | tokens | {0} == set(wecom.CODES) | {77777}


@pytest.mark.parametrize("errcode", [40014, 42001, 41001])
def test_a_token_that_ended_early_is_replaced_once_and_the_message_sent_again(
    app: WecomApp, server: Wecom, errcode: int
) -> None:
    server.say_next(errcode)

    assert app.send(MESSAGE, Sending()).outcome is Outcome.DELIVERED
    assert len(server.tokens_given) == 2
    assert len(server.app_messages) == 1


def test_a_token_that_is_refused_again_and_again_is_not_asked_for_in_a_loop(
    app: WecomApp, server: Wecom
) -> None:
    server.say_next(42001, times=10)

    assert app.send(MESSAGE, Sending()).outcome is Outcome.LATER
    assert len(server.tokens_given) == 2


def test_a_revoked_token_is_noticed(app: WecomApp, server: Wecom) -> None:
    app.send(MESSAGE, Sending())
    server.revoke()

    assert app.send(Message("b", Tone.GOOD), Sending()).outcome is Outcome.DELIVERED
    assert server.tokens_given == ["lab-access-token-0", "lab-access-token-1"]


def test_a_wrong_secret_is_asked_for_once_and_never_named(
    server: Wecom, ledger: Ledger, tmp_path: Path
) -> None:
    app = app_of(server, ledger, tmp_path, "wrong-secret-canary")

    verdict = app.send(MESSAGE, Sending())

    assert verdict.outcome is Outcome.BROKEN
    assert "40001" in verdict.detail and "canary" not in verdict.detail
    assert [call.path for call in server.calls] == ["/cgi-bin/gettoken"]


def test_a_token_server_that_fails_sent_nothing_so_there_is_no_duplicate_to_mark(
    app: WecomApp, server: Wecom
) -> None:
    server.fail_next(said({"no": "errcode"}))

    assert app.send(MESSAGE, Sending()).outcome is Outcome.LATER


def test_whoever_did_not_get_it_is_named(app: WecomApp, server: Wecom) -> None:
    server.invalid_users = "li"

    verdict = app.send(MESSAGE, Sending())

    assert verdict.outcome is Outcome.PARTIAL
    assert "invaliduser li" in verdict.detail


def test_the_same_message_twice_is_shown_once(app: WecomApp, server: Wecom) -> None:
    app.send(MESSAGE, Sending())
    app.send(MESSAGE, Sending())

    assert len(server.app_messages) == 1
    assert server.calls[-1].json()["touser"] == "zhang|li"


def test_ten_threads_of_two_actuators_ask_for_one_token(
    server: Wecom, ledger: Ledger, tmp_path: Path
) -> None:
    apps = [app_of(server, ledger, tmp_path) for _ in range(2)]
    verdicts: list[Outcome] = []
    threads = [
        threading.Thread(
            target=lambda n=n: verdicts.append(
                apps[n % 2].send(Message(str(n), Tone.GOOD), Sending()).outcome
            )
        )
        for n in range(10)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert verdicts == [Outcome.DELIVERED] * 10
    assert server.tokens_given == ["lab-access-token-0"]


def test_the_ledger_holds_no_readable_token(
    app: WecomApp, server: Wecom, ledger: Ledger, tmp_path: Path
) -> None:
    app.send(MESSAGE, Sending())

    sealed = ledger.read(lambda connection: connection.scalar(select(shared_token.c.sealed)))

    assert sealed and "lab-access" not in sealed
    assert unseal(sealed, lab.SECRET) == "lab-access-token-0"
    assert unseal(sealed, "another") is None
    ledger.close()
    assert all(b"lab-access-token" not in file.read_bytes() for file in tmp_path.glob("l.db*"))
    ledger.__init__(f"sqlite:///{tmp_path}/l.db")  # type: ignore[misc]


def test_a_sealed_text_comes_back_and_a_changed_one_does_not() -> None:
    for text in ("", "t", "x" * 32, "token" * 100):
        sealed = seal(text, "secret")
        assert unseal(sealed, "secret") == text
        assert sealed != seal(text, "secret"), "the nonce differs"
        assert unseal(sealed[:-8] + "AAAAAAA=", "secret") is None


def test_a_token_is_used_until_five_minutes_before_its_end(ledger: Ledger) -> None:
    asked: list[float] = []
    clock = [0.0]

    def ask(_secret: str) -> Given:
        asked.append(clock[0])
        return Given(f"t{len(asked)}", 7200)

    token = SharedToken(ledger, "x", ask, lambda: clock[0])
    for clock[0] in (0.0, 6000.0, 6899.0, 6901.0):
        token.get("s")

    assert asked == [0.0, 6901.0]


def test_a_failed_question_leaves_the_way_free_for_the_next(ledger: Ledger) -> None:
    def ask(_secret: str) -> Given:
        raise RuntimeError("no")

    for _ in range(2):
        with pytest.raises(RuntimeError):
            SharedToken(ledger, "x", ask).get("s")


def test_a_robot_message_is_harmless_markdown_and_calls_whom_the_configuration_names(
    robot: WecomRobot, server: Wecom
) -> None:
    robot.send(MESSAGE, Sending())

    assert server.robot_messages == [
        '**<font color="warning">\uff3b告警\uff3d 节点</font>**\n**故障**\n没有响应\n[手册](https://r/x%281%29)\n<@zhang>'
    ]


def test_all_are_called_by_the_sign_that_wecom_knows_and_an_app_only_names_people(
    robot: WecomRobot, app: WecomApp, server: Wecom
) -> None:
    message = Message("t", Tone.DANGER, mentions=("@all", "zhang"))
    robot.send(message, Sending())
    app.send(message, Sending())

    assert server.robot_messages[-1].endswith("\n<@all> <@zhang>")
    assert server.app_messages[-1].endswith("\n@all @zhang")


def test_bare_text_calls_people_by_list_only(robot: WecomRobot, server: Wecom) -> None:
    robot.send(MESSAGE, Sending(simple=True))

    body = server.calls[-1].json()
    assert body["text"]["mentioned_list"] == ["zhang"]
    assert body["msgtype"] == "text"


def test_the_local_wecom_has_the_real_limits(robot: WecomRobot, server: Wecom) -> None:
    codes = [robot.send(Message(str(n), Tone.GOOD), Sending()).detail for n in range(21)]
    too_long = Message("x" * 4100, Tone.GOOD)

    assert len(server.robot_messages) == 20 and "45009" in codes[-1]
    server.window = 0.0
    assert "40058" in robot.send(too_long, Sending()).detail


def test_a_key_file_may_hold_the_whole_url_and_must_hold_a_key(
    robot: WecomRobot, server: Wecom, tmp_path: Path
) -> None:
    (tmp_path / "key").write_text(f"https://qyapi.weixin.qq.com/cgi-bin/webhook/send?key={lab.KEY}\n")
    assert robot.send(MESSAGE, Sending()).outcome is Outcome.DELIVERED

    (tmp_path / "key").write_text("two words")
    assert robot.send(MESSAGE, Sending()).outcome is Outcome.BROKEN
