"""The whole actuator against local channels with real limits: bursts, kill -9, secrets."""

import re
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from actuator.cli import main
from lab import wecom as lab_wecom
from lab.hook import Call, Gateway, Said
from lab.postgres import Postgres
from lab.server import poll
from lab.slack import Slack
from lab.stack import Program
from lab.webcall import get_json
from lab.wecom import Wecom
from nodekit.http import request, session
from tests.integration.test_webhook import delivery, metrics_of, post

NODE = re.compile(r"node-(\d{3})")
AGAIN = "(again, may be a duplicate)"


def alerts(count: int) -> list[dict[str, Any]]:
    """Each tenth is critical; the critical ones come last."""
    return [
        {
            "status": "firing",
            "labels": {
                "alertname": "Storm", "node": f"node-{number:03d}",
                "severity": "critical" if number >= count - count // 10 else "warning",
            },
            "annotations": {"summary": "a storm"},
            "startsAt": "2026-11-20T20:24:29Z",
        }
        for number in range(count)
    ]  # fmt: skip


def config(folder: Path, sinks: dict[str, Any], **more: Any) -> dict[str, Any]:
    folder.mkdir(parents=True, exist_ok=True)
    for name, sink in sinks.items():
        for key in [key for key in sink if key.endswith("_file")]:
            (folder / f"{name}.{key}").write_text(sink[key])
            sink[key] = f"{name}.{key}"
    rule = {"when": {"alertname": "Storm"}, "do": [{"notify": list(sinks)}]}
    return {"ledger": f"sqlite:///{folder / 'ledger.db'}", "sinks": sinks, "playbook": [rule], **more}


@pytest.fixture
def wecom() -> Iterator[Wecom]:
    with Wecom(window=4.0) as server:
        yield server


def nodes(texts: list[str]) -> set[str]:
    return {name for text in texts for name in NODE.findall(text)}


def test_500_alerts_at_once_all_arrive_critical_first_and_no_limit_is_exceeded(
    tmp_path: Path, slack: Slack, wecom: Wecom
) -> None:
    """Slack at its real limit of one a second; WeCom's 20 messages in an accelerated minute of 4 s."""
    sinks = {
        "ops": {"type": "slack", "webhook_url_file": slack.webhook_url},
        "group": {
            "type": "wecom_robot", "key_file": lab_wecom.KEY, "api_url": wecom.url, "language": "zh",
            "rate": {"messages": 20, "per": "6s"},  # 2 s more than the server: a busy machine is late
        },
    }  # fmt: skip
    everybody = {f"{number:03d}" for number in range(500)}
    with Program("actuator", "actuator", tmp_path / "a", config(tmp_path / "a", sinks)) as actuator:
        began = time.time()
        assert post(actuator.url, delivery(*alerts(500)))[0] == 200

        assert poll(lambda: nodes([m.text + m.shown() for m in slack.messages]) == everybody, 40)
        assert poll(lambda: nodes(wecom.robot_messages) == everybody, 40)
        text = metrics_of(actuator)

    assert {attempt.status for attempt in slack.attempts} == {200}
    assert b"45009" not in b"".join(call.body for call in wecom.calls)
    assert 'outcome="later"' not in text, "nobody ever told us to slow down"
    for messages in ([m.shown() for m in slack.messages], wecom.robot_messages):
        order = [int(name) >= 450 for text in messages for name in dict.fromkeys(NODE.findall(text))]
        assert order == sorted(order, reverse=True), "critical ones first"
    forced = (len(slack.messages) - 1) * 1.05
    assert slack.messages[-1].at - began < forced + 8
    assert len(slack.messages) < 20 and len(wecom.robot_messages) <= 20


class Slow(Gateway):
    """Takes its time, so that a kill often meets a message in flight."""

    def answer(self, call: Call) -> Said:
        time.sleep(0.02)
        return super().answer(call)


def test_kill_9_in_a_burst_of_200_loses_none_and_marks_what_came_twice(tmp_path: Path) -> None:
    kills = (1, 6, 14, 25)
    with Slow() as gateway:
        sinks = {
            "ops": {"type": "webhook", "url_file": gateway.url, "max_bytes": 400,
                    "rate": {"messages": 1000, "per": "1s"}},
        }  # fmt: skip
        actuator = Program("actuator", "actuator", tmp_path / "a", config(tmp_path / "a", sinks))
        actuator.start()
        try:
            post(actuator.url, delivery(*alerts(200)))
            for at in kills:
                assert poll(lambda at=at: len(gateway.calls) >= at, 20, every=0.002)  # type: ignore[misc]
                actuator.kill9()
                actuator.start()
            messages = [call.body.decode() for call in gateway.calls]
            everybody = {f"{number:03d}" for number in range(200)}
            assert poll(lambda: nodes([call.body.decode() for call in gateway.calls]) == everybody, 60)
        finally:
            actuator.stop()

    messages = [call.body.decode() for call in gateway.calls]
    seen: set[str] = set()
    twice = []
    for message in messages:
        named = set(NODE.findall(message))
        if named & seen:
            twice.append(message)
        seen |= named
    assert len(twice) <= len(kills), "one message in flight a kill"
    assert all(message.startswith(AGAIN) for message in twice), "and each of them is marked"


def page_of(actuator: Program) -> str:
    with session() as http:
        return request(http, "GET", f"{actuator.url}/", timeout=5).body.decode()


class Talkative(Program):
    """A program that logs all that it can."""

    def command(self) -> Sequence[str]:
        return [*super().command(), "--log.level", "debug"]


def rows_of(database: Postgres, name: str) -> str:
    """Every row of every table."""
    connection = database.connect(name)
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
            tables = [row[0] for row in cursor.fetchall()]
            texts = []
            for table in tables:
                cursor.execute(f'SELECT t::text FROM "{table}" t')
                texts += [f"{table}: {row[0]}" for row in cursor.fetchall()]
        assert {"step", "delivery", "sink_state", "shared_token"} <= set(tables)
        return "\n".join(texts)
    finally:
        connection.close()


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_no_secret_is_in_any_log_page_metric_ledger_row_or_message(
    kind: str, tmp_path: Path, wecom: Wecom, capsys: pytest.CaptureFixture[str]
) -> None:
    canary = "canary-5ecret"
    said = Said(403, f"you sent {canary}".encode())
    with ExitStack() as running:
        hostile, taking = running.enter_context(Gateway(said)), running.enter_context(Gateway())
        members = running.enter_context(Wecom())
        sinks = {
            "ops": {"type": "slack", "webhook_url_file": f"{hostile.url}/services/T/B/{canary}", "fallback": "good"},
            "hook": {"type": "webhook", "url_file": f"{hostile.url}/?key={canary}", "fallback": "good"},
            "group": {"type": "wecom_robot", "key_file": lab_wecom.KEY, "api_url": wecom.url, "fallback": "good"},
            "app": {"type": "wecom_app", "corp_id": lab_wecom.CORP, "agent_id": lab_wecom.AGENT, "to_user": "@all",
                    "secret_file": lab_wecom.SECRET, "api_url": members.url, "fallback": "good"},
            "good": {"type": "webhook", "url_file": f"{taking.url}/{canary}"},
        }  # fmt: skip
        folder = tmp_path / "a"
        settings = config(
            folder, sinks, notify={"heartbeat": {"url_file": "beat"}},
            auth={"webhook": {"bearer_file": "bearer"}},
        )  # fmt: skip
        (folder / "beat").write_text(f"{hostile.url}/{canary}")
        (folder / "bearer").write_text(f"{canary}-bearer")
        database = None
        if kind == "postgresql":
            database = running.enter_context(Postgres(tmp_path / "postgres"))
            database.execute("postgres", f"CREATE ROLE ledger LOGIN PASSWORD '{canary}-database' CREATEDB")
            database.execute("postgres", "CREATE DATABASE ledger OWNER ledger")
            (folder / "password").write_text(f"{canary}-database")
            settings |= {"ledger": database.url("ledger", "ledger"), "ledger_password_file": "password"}
        wecom.say_next(93000, f"invalid {lab_wecom.KEY}")
        members.say_next(60020, f"not allowed {lab_wecom.SECRET} lab-access-token-0")
        actuator = running.enter_context(Talkative("actuator", "actuator", folder, settings))
        assert post(actuator.url, delivery(*alerts(1)), Authorization=f"Bearer {canary}-wrong")[0] == 403
        assert post(actuator.url, delivery(*alerts(1)), Authorization=f"Bearer {canary}-bearer")[0] == 200
        assert poll(lambda: len(taking.calls) >= 5, 20), "all four were stood in for"
        pages = [metrics_of(actuator), page_of(actuator)]
        assert "Messages" in pages[1]
        for path in ("status", "history", "deliveries"):
            pages.append(str(get_json(f"{actuator.url}/api/{path}")))
        for words in (["deliveries"], ["-o", "json", "deliveries"], ["history"], ["test-notify", "hook"]):
            main(["--actuator.url", actuator.url, *words])
        if database is not None:
            pages.append(rows_of(database, "ledger"))
        actuator.stop()
        messages = [call.body for call in (*taking.calls, *hostile.calls)]
    told = capsys.readouterr()
    files = [file.read_bytes() for file in folder.iterdir() if file.suffix == ".log" or ".db" in file.name]
    everything = b"\n".join([*files, *messages, "\n".join([*pages, told.out, told.err]).encode()])

    assert b"93000" in everything and b"60020" in everything and b"403" in everything, (
        "the failures themselves are told"
    )
    for secret in (canary, lab_wecom.KEY, lab_wecom.SECRET, "lab-access-token"):
        assert secret.encode() not in everything


HOSTILE = (
    "M" * 900_000,
    "a\0b\x1b[31m",
    "\ud800",
    "\u202eabc",
    "<!channel> <@U1> @all",
    "\n" * 999,
    "🔥" * 9000,
)


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_labels_of_any_kind_and_length_are_kept_and_told(kind: str, tmp_path: Path) -> None:
    """Each as a value, a name and a group that asks for a failover; the group's other alerts come with it."""
    with ExitStack() as running:
        gateway = running.enter_context(Gateway())
        sinks = {"ops": {"type": "webhook", "url_file": gateway.url, "rate": {"messages": 900, "per": "1s"}}}
        settings = config(tmp_path / "a", sinks)
        settings["playbook"][0]["do"].append({"failover": {}})
        if kind == "postgresql":
            settings["ledger"] = running.enter_context(Postgres(tmp_path / "postgres")).create("ledger")
        actuator = running.enter_context(Program("actuator", "actuator", tmp_path / "a", settings))
        for number, text in enumerate(HOSTILE):
            odd, plain = alerts(number * 2 + 2)[-2:]
            odd["labels"] |= {"group": text, "host": text, text[:5000]: text}
            odd["annotations"] |= {"summary": text, "lines": text}
            odd["generatorURL"] = text
            code, answer = post(actuator.url, delivery(odd, plain))
            assert (code, answer["quarantined"]) == (200, 0)
        everybody = {f"{number:03d}" for number in range(2 * len(HOSTILE))}
        assert poll(lambda: nodes([call.body.decode() for call in gateway.calls]) == everybody, 20)

    told = b"".join(call.body for call in gateway.calls)
    assert not any(sign in told for sign in (b"\0", b"\x1b", "\u202e".encode()))
    assert all(len(call.body) <= 4000 for call in gateway.calls), "in parts that the channel takes"


def test_a_sink_that_hangs_delays_no_other(tmp_path: Path, slack: Slack) -> None:
    with Gateway() as gateway:
        sinks = {
            "ops": {"type": "slack", "webhook_url_file": slack.webhook_url, "timeout": "30s"},
            "hook": {"type": "webhook", "url_file": gateway.url},
        }
        with Program("actuator", "actuator", tmp_path / "a", config(tmp_path / "a", sinks)) as actuator:
            slack.hang()
            began = time.time()
            post(actuator.url, delivery(*alerts(1)))
            assert poll(lambda: len(gateway.calls) == 1, 5)
            assert time.time() - began < 2
            slack.wake()


def test_two_actuators_on_one_ledger_send_each_message_once_also_when_one_is_killed(
    tmp_path: Path, slack: Slack
) -> None:
    """Both members of an Alertmanager cluster deliver the same alerts, each to its own actuator."""
    sinks = {"ops": {"type": "slack", "webhook_url_file": slack.webhook_url}}
    with Postgres(tmp_path / "postgres") as database:
        url = database.create("ledger")
        one, two = (
            Program(
                name,
                "actuator",
                tmp_path / name,
                {**config(tmp_path / name, dict(sinks_of(sinks))), "ledger": url},
            )
            for name in ("one", "two")
        )
        with one, two:
            for number in range(0, 40, 4):
                for actuator in (one, two):
                    assert post(actuator.url, delivery(*alerts(40)[number : number + 4]))[0] == 200
            assert poll(lambda: len(slack.messages) >= 2, 20)
            one.kill9()
            everybody = {f"{number:03d}" for number in range(40)}
            assert poll(lambda: nodes([m.text + m.shown() for m in slack.messages]) == everybody, 60)
            assert post(two.url, delivery(*alerts(41)[40:]))[0] == 200
            assert poll(lambda: "040" in nodes([m.text + m.shown() for m in slack.messages]), 40)

    assert {attempt.status for attempt in slack.attempts} == {200}, "the limit of one a second holds for both"
    named = [name for message in slack.messages for name in set(NODE.findall(message.text + message.shown()))]
    twice = {name for name in named if named.count(name) > 1}
    marked = [message for message in slack.messages if AGAIN in message.text + message.shown()]
    assert len(marked) <= 1, "what was under way when one was killed"
    assert twice <= {name for message in marked for name in NODE.findall(message.text + message.shown())}


def sinks_of(sinks: dict[str, Any]) -> dict[str, Any]:
    """A copy: `config` replaces secrets by file names in it."""
    return {name: dict(sink) for name, sink in sinks.items()}
