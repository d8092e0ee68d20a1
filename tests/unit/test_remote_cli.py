"""What an operator sees of `send-command`, from an actuator that answers as told: text and exit status."""

import json
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import pytest

from actuator import cli
from lab.ports import free_port

ACCEPTED = (202, {"key": "k"})
OPEN = {"state": "executing", "detail": "", "code": None, "meaning": None, "output": "", "task_id": 7}


def ended(**more: object) -> tuple[int, dict[str, object]]:
    return 200, {**OPEN, **more}


@contextmanager
def actuator(answers: Sequence[tuple[int, dict[str, Any]] | None]) -> Iterator[str]:
    """One that gives these answers in turn; None: it closes the connection."""
    left = list(answers)

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            answer = left.pop(0)
            if answer is not None:
                self.send_response(answer[0])
                self.end_headers()
                self.wfile.write(json.dumps(answer[1]).encode())

        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            self.do_GET()

        def log_message(self, *_: object) -> None: ...

    server = HTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()
    assert not left, "not asked for all answers"


def run(url: str, *words: str) -> int:
    return cli.main(["--actuator.url", url, *(words or ("send-command", "h1", "s", "c"))])


@pytest.mark.parametrize(
    ("answers", "status", "out", "err"),
    [
        ([ACCEPTED, ended(state="ok", code=0, output="hi")], 0, "hi\n", ""),
        ([ACCEPTED, ended(state="failed", code=3, output="no", detail="code 3: no")], 3, "no\n", ""),
        (
            [ACCEPTED, ended(state="failed", code=0x1002, meaning="the agent knows no such service", output="s?")],
            70, "s?\n", "chainwarden: the agent knows no such service (code 0x1002)\n",
        ),
        (
            [ACCEPTED, ended(state="failed", code=124, meaning="it took too long")],
            124, "", "chainwarden: it took too long (code 124)\n",
        ),
        (
            [ACCEPTED, ended(state="failed", detail="not sent: no connection to the broker b:1883")],
            69, "", "chainwarden: not sent: no connection to the broker b:1883\n",
        ),
        (
            [ACCEPTED, ended(state="unknown", detail="no result within 4 s; a late one is still noted")],
            75, "",
            "chainwarden: no result within 4 s; a late one is still noted; `chainwarden history` shows how it ended\n",
        ),
        ([(404, {"error": "no host h1"})], 69, "", "chainwarden: not sent: no host h1\n"),
        ([ACCEPTED, None, (200, OPEN), ended(state="ok", code=0, output="hi")], 0, "hi\n", ""),
    ],
    ids=["ok", "failed", "refused", "too long", "no broker", "no result", "no host", "actuator restarts"],
)  # fmt: skip
def test_how_it_ended_is_told_once_and_in_the_exit_status(
    capsys: pytest.CaptureFixture[str], answers: list[Any], status: int, out: str, err: str
) -> None:
    with actuator(answers) as url:
        assert run(url) == status

    told = capsys.readouterr()
    assert (told.out, told.err) == (out, err)


def test_without_an_actuator_it_is_certainly_not_sent(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(f"http://127.0.0.1:{free_port()}") == 69

    assert "not sent: " in (told := capsys.readouterr().err)
    assert "connection refused" in told


def test_an_actuator_that_dies_over_the_request_leaves_it_open(capsys: pytest.CaptureFixture[str]) -> None:
    with actuator([None]) as url:
        assert run(url) == 75

    assert "whether the command was accepted is not known" in capsys.readouterr().err


def test_an_actuator_that_stays_away_leaves_it_open(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("actuator.remote.cli.SILENCE", 0.0)
    with actuator([ACCEPTED, None]) as url:
        assert run(url) == 75

    assert "the command was accepted; `chainwarden history`" in capsys.readouterr().err


@pytest.mark.parametrize("wrong", ["soon", "-1", "nan"])
def test_a_timeout_that_is_none_is_wrong_usage(capsys: pytest.CaptureFixture[str], wrong: str) -> None:
    with pytest.raises(SystemExit) as ended:
        run("http://127.0.0.1:1", "send-command", "h1", "s", "c", f"--timeout={wrong}")

    assert ended.value.code == 2
    assert "is no duration" in capsys.readouterr().err
