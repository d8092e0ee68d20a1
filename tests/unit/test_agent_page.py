"""The agent's page: what it shows, and who may press its buttons."""

import base64
import os
import socket
import ssl
import threading
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import bcrypt
import pytest
from prometheus_client import CollectorRegistry

from actuator.agent.builtin import Outcome
from actuator.agent.watch.board import Meter, html
from actuator.agent.watch.buttons import LONGEST, Buttons, offered
from actuator.agent.watch.commands import known
from actuator.agent.watch.page import listener
from actuator.agent.watch.policy import GaveUp, Memory, Phase
from actuator.agent.watch.view import View, as_json
from actuator.configs.auth import Operator
from lab.ports import free_port
from lab.server import poll
from nodekit.processes import Process, everything
from nodekit.webfile import Gate
from tests.unit.test_exporter_discovery import certificate, hashed, status


def view(**more: object) -> View:
    process = Process(4242, 100, 1, ("x",))
    made = View(
        "<b>", True, True, True, Phase.RUNNING, "", (process,), Memory(restarts=3), seen_at=time.time()
    )
    return replace(made, **more)  # type: ignore[arg-type] - any fields


def test_the_page_escapes_what_it_shows_and_names_the_command() -> None:
    page = html("h&1", [view(why="<script>", phase=Phase.GAVE_UP)], time.time(), buttons({}), {})

    assert "<script>" not in page
    assert "&lt;b&gt;" in page
    assert 'class="bad">gave up' in page
    assert "chainwarden send-command h&amp;1 SERVICE COMMAND" in page
    assert "<form" not in page


def test_what_nobody_knows_is_not_counted_as_down() -> None:
    unknown = view(phase=Phase.UNKNOWN, alive=False, why="systemd does not run here", processes=())

    page = html("h", [view(), unknown, view(alive=False, phase=Phase.DEAD)], time.time(), buttons({}), {})

    assert '3 services, <span class="bad">1 not running</span>, <span class="bad">1 unknown</span>' in page
    assert "systemd does not run here" in page
    assert as_json(unknown)["up"] is None


def buttons(operators: dict[str, Operator], run: Callable[[str, str], Outcome] | None = None) -> Buttons:
    return Buttons(operators, run or (lambda *_: Outcome(0, "done")))


PASSWORD = "correct horse"
ALICE = Operator(password_bcrypt=bcrypt.hashpw(PASSWORD.encode(), bcrypt.gensalt(4)).decode())
EVE = ALICE.model_copy(update={"role": "viewer"})


def press(made: Buttons, form: str, name: str = "alice", password: str = PASSWORD) -> str:
    """What a press is answered with."""
    basic = base64.b64encode(f"{name}:{password}".encode()).decode()
    answer = made.press(form.encode(), [view(name="a")], "203.0.113.9", f"Basic {basic}")
    assert answer.ask is answer.status.startswith("401")
    return answer.status[:3]


def test_a_button_acts_for_an_operator_with_a_password_and_a_form_of_this_page_only() -> None:
    ran: list[tuple[str, str]] = []

    def run(service: str, command: str) -> Outcome:
        ran.append((service, command))
        return Outcome(1, "it <hangs>")

    made = buttons({"alice": ALICE, "eve": EVE}, run)
    good = f"token={made.token}&service=a&command="
    assert press(made, good + "stop", password="guess") == "401"
    assert press(made, good + "stop", name="mallory") == "401"
    assert press(made, good + "stop", name="eve") == "403", "a viewer may look"
    assert press(made, "token=&service=a&command=stop") == "403", "a form of another site"
    assert press(made, "service=a&command=stop") == "403"
    assert press(made, good + "status;reboot") == "404"
    assert press(made, good.replace("=a&", "=b&") + "stop") == "404"
    assert ran == []

    assert press(made, good + "unmonitor-1h") == "303"

    assert poll(lambda: made.newest()[0].code is not None, 3)
    assert ran == [("a", "unmonitor-1h")]
    page = html("h1", [view(name="a")], time.time(), made, {})
    assert "alice" in page and "it &lt;hangs&gt;" in page
    assert made.token in page


def test_one_press_at_a_time_moves_a_service_and_the_page_shows_it_under_way() -> None:
    go = threading.Event()
    made = buttons({"alice": ALICE}, lambda *_: Outcome(0, "started") if go.wait(5) else Outcome(1, ""))
    form = f"token={made.token}&service=a&command=restart"

    assert press(made, form) == "303"
    assert press(made, form) == "409"
    assert "under way" in html("h1", [view(name="a")], time.time(), made, {})
    go.set()

    assert poll(lambda: made.newest()[0].said == "started", 3)
    assert press(made, form) == "303"


@pytest.mark.parametrize(
    ("state", "names"),
    [
        ({}, {"restart", "stop", "unmonitor", "unmonitor-1h"}),
        ({"alive": False, "phase": Phase.DEAD}, {"start", "unmonitor", "unmonitor-1h"}),
        ({"phase": Phase.UNMONITORED}, {"restart", "stop", "monitor"}),
        ({"memory": Memory(gave_up=GaveUp(1.0, "why")), "phase": Phase.GAVE_UP, "alive": False},
         {"start", "monitor", "unmonitor", "unmonitor-1h"}),
        ({"watched": False}, {"restart", "stop"}),
        ({"phase": Phase.UNKNOWN, "alive": False}, {"unmonitor", "unmonitor-1h"}),
    ],
)  # fmt: skip
def test_buttons_that_have_a_sense_now_are_offered(state: dict[str, object], names: set[str]) -> None:
    seen = view(**state)

    assert set(offered(seen)) == names
    assert set(offered(seen)) <= known(watched=seen.watched)


def test_what_is_left_alone_for_a_time_says_until_when() -> None:
    seen = view(memory=Memory(monitored=False, until=0.0), phase=Phase.UNMONITORED)

    assert "<td class=why>monitored again at 1970-01-01 00:00:00<" in html("h", [seen], 1.0, buttons({}), {})


def test_the_page_tells_what_a_service_uses_and_each_of_its_checks() -> None:
    own = next(one for one in everything() if one.pid == os.getpid())
    seen = view(processes=(own,), checks=("tcp a:1", "memory 9"), failing=("memory 9: 10 bytes",))
    meter = Meter()
    assert meter.parts([own], 100.0) == {}, "one look says nothing"
    parts = meter.parts([own], 101.0)
    assert 0 <= parts[own] < 1000
    assert meter.parts([own], 101.5) == parts, "two people who look do not shorten the time"

    page = html("h1", [seen, view(alive=False, phase=Phase.GAVE_UP)], time.time(), buttons({}), parts)

    assert f"<td class=n>{parts[own]:.0f} %" in page
    assert "MiB<td" in page
    assert '<div class="good">tcp a:1</div><div class="bad">memory 9: 10 bytes</div>' in page
    assert '<span class="bad">1 not running</span>' in page
    assert "<title>\N{DOUBLE EXCLAMATION MARK} h1" in page


@contextmanager
def served(made: Buttons, gate: Gate | None = None) -> Iterator[str]:
    """The page's address."""
    listen = f"127.0.0.1:{free_port()}"
    server = listener(listen, CollectorRegistry(), "h1", lambda: [view(name="a")], made, gate)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"{'http' if gate is None or not gate.encrypted else 'https'}://{listen}/"
    finally:
        server.shutdown()
        server.server_close()


def posted(url: str, body: bytes) -> int:
    asked = urllib.request.Request(url, data=body, method="POST")
    try:
        with urllib.request.urlopen(asked, timeout=5) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        return error.code


def test_without_operators_the_page_has_no_buttons_and_changes_nothing() -> None:
    made = buttons({})
    with served(made) as url:
        page = urllib.request.urlopen(url, timeout=5).read().decode()
        assert "<form" not in page and "operators" in page
        assert posted(url, f"token={made.token}&service=a&command=stop".encode()) == 405
    assert not made.newest()


def test_with_operators_reading_needs_no_password_and_pressing_does() -> None:
    made = buttons({"alice": ALICE})
    with served(made) as url:
        assert f'value="{made.token}"' in urllib.request.urlopen(url, timeout=5).read().decode()
        assert posted(url, f"token={made.token}&service=a&command=stop".encode()) == 401
        assert posted(f"{url}services.json", b"x") == 405
        assert posted(url, b"x" * (LONGEST + 1)) == 413
    assert not made.newest()


TLS = "tls_server_config: {cert_file: cert.pem, key_file: key.pem}\n"


@pytest.fixture
def trusted(tmp_path: Path) -> ssl.SSLContext:
    certificate(tmp_path)
    return ssl.create_default_context(cafile=str(tmp_path / "cert.pem"))


def gate(folder: Path, text: str) -> Gate:
    (folder / "web.yml").write_text(text)
    return Gate(folder / "web.yml")


def test_with_tls_pages_metrics_and_buttons_are_encrypted_and_plain_http_gets_nothing(
    tmp_path: Path, trusted: ssl.SSLContext
) -> None:
    ran: list[tuple[str, str]] = []
    made = buttons({"alice": ALICE}, lambda *words: ran.append(words) or Outcome(0, ""))  # type: ignore[func-returns-value]
    with served(made, gate(tmp_path, TLS)) as url:
        for path in ("", "services.json", "metrics"):
            assert status(url + path, context=trusted) == 200
        form = f"token={made.token}&service=a&command=stop".encode()
        assert status(url, context=trusted, body=form) == 401
        assert status(url, f"alice:{PASSWORD}", trusted, form) == 200, "the page after the redirect"
        with pytest.raises(OSError):
            status(url.replace("https", "http"))
        with pytest.raises(urllib.error.URLError, match="CERTIFICATE_VERIFY_FAILED"):
            status(url, context=ssl.create_default_context())
    assert poll(lambda: ran == [("a", "stop")], 3)


def test_a_client_that_shakes_no_hands_stops_nobody_else(tmp_path: Path, trusted: ssl.SSLContext) -> None:
    with served(buttons({}), gate(tmp_path, TLS)) as url:
        place = urllib.parse.urlsplit(url)
        with socket.create_connection((str(place.hostname), int(place.port or 0))):
            began = time.monotonic()
            assert status(url, context=trusted) == 200
            assert time.monotonic() - began < 5


def test_names_of_the_web_file_may_look_and_operators_may_look_and_press(tmp_path: Path) -> None:
    made = buttons({"alice": ALICE, "eve": EVE})
    users = f"basic_auth_users: {{prometheus: '{hashed('scrape')}'}}\n"
    form = f"token={made.token}&service=a&command=stop".encode()
    with served(made, gate(tmp_path, users)) as url:
        for path in ("", "services.json", "metrics"):
            asked = [
                status(url + path, user) for user in ("", "prometheus:guess", "alice:guess", "mallory:x")
            ]
            assert asked == [401] * 4
            assert status(url + path, "prometheus:scrape") == 200
        assert [status(url, f"{name}:{PASSWORD}") for name in ("alice", "eve")] == [200, 200]
        assert status(url, body=form) == 401
        assert status(url, "prometheus:scrape", body=form) == 401, "who scrapes moves nothing"
        assert status(url, f"eve:{PASSWORD}", body=form) == 403
        assert not made.newest()
        assert status(url, f"alice:{PASSWORD}", body=form) == 200
        (tmp_path / "web.yml").write_text("nonsense: 1\n")
        os.utime(tmp_path / "web.yml", (1, 1))
        assert status(url, f"alice:{PASSWORD}") == 401, "nobody, while the file is wrong"
    assert [one.by for one in made.newest()] == ["alice"]


def test_without_operators_only_the_web_files_names_get_in(tmp_path: Path) -> None:
    with served(buttons({}), gate(tmp_path, f"basic_auth_users: {{bob: '{hashed('b')}'}}\n")) as url:
        assert (status(url, "bob:b"), status(url, "alice:x"), status(url)) == (200, 401, 401)
