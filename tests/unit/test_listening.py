"""Where the programs serve: one flag for all, and what --config.check says of plain HTTP for others."""

from collections.abc import Callable
from pathlib import Path

import pytest

from actuator.__main__ import main as actuator
from actuator.agent.__main__ import main as agent
from exporter.__main__ import main as exporter
from nodekit.listening import loopback
from tests.unit.test_exporter_discovery import certificate

AUTH = "auth:\n  webhook: {bearer_file: secret}\n  operators: {alice: {password_file: secret}}\n"
TEXTS = {
    "exporter": "chains: {}\n",
    "actuator": f"ledger: sqlite:///l.db\n{AUTH}",
    "agent": "topics: {command: c, result: r}\njournal: j\noperators: {alice: {password_file: secret}}\n",
}
MAINS: dict[str, Callable[[list[str]], int]] = {"exporter": exporter, "actuator": actuator, "agent": agent}
READABLE = {"exporter": "metrics", "actuator": "tokens and passwords", "agent": "operators' passwords"}


@pytest.fixture(params=MAINS)
def program(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[str, Callable[..., int]]:
    """Its name, and how it checks its file with more flags."""
    name = str(request.param)
    path = tmp_path / f"{name}.yml"
    path.write_text(TEXTS[name])
    (tmp_path / "secret").write_text("x")
    return name, lambda *flags: MAINS[name](["--config.check", "--config.file", str(path), *flags])


def test_an_address_for_others_is_remarked_and_loopback_is_not(
    program: tuple[str, Callable[..., int]], capsys: pytest.CaptureFixture[str]
) -> None:
    name, check = program

    assert check() == check("--web.listen-address", "[::1]:7000") == 0
    assert "listen" not in capsys.readouterr().err
    assert check("--web.listen-address", "0.0.0.0:7000") == 0
    told = capsys.readouterr()

    assert f"{name}.yml: listen: 0.0.0.0:7000 is reachable from outside and speaks plain HTTP" in told.err
    assert READABLE[name] in told.err
    assert told.out.endswith(": valid\n")


def test_a_wrong_address_on_the_command_line_is_told_at_once(
    program: tuple[str, Callable[..., int]], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        program[1]("--web.listen-address", "7000")

    assert ended.value.code == 2
    assert "--web.listen-address: write an address and port" in capsys.readouterr().err


def test_the_flag_opens_no_actuator_that_its_file_may_not_open(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "actuator.yml"
    path.write_text("ledger: sqlite:///l.db\n")

    assert actuator(["--config.file", str(path), "--web.listen-address", "0.0.0.0:7000"]) == 1
    assert "`listen` 0.0.0.0:7000 is reachable from outside: set auth.webhook" in capsys.readouterr().err


@pytest.mark.parametrize("name", MAINS)
def test_with_tls_there_is_nothing_to_remark_and_a_wrong_web_file_is_found_by_the_check_and_the_start(
    name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path, web = tmp_path / f"{name}.yml", tmp_path / "web.yml"
    path.write_text(TEXTS[name])
    (tmp_path / "secret").write_text("x")
    flags = [
        "--web.listen-address",
        "0.0.0.0:7000",
        "--config.file",
        str(path),
        "--web.config.file",
        str(web),
    ]
    certificate(tmp_path)
    web.write_text("tls_server_config: {cert_file: cert.pem, key_file: key.pem}\n")

    assert MAINS[name](["--config.check", *flags]) == 0
    assert "plain HTTP" not in capsys.readouterr().err
    web.write_text("basic_auth_users: {}\n")
    assert MAINS[name](["--config.check", *flags]) == 0
    told = capsys.readouterr().err
    assert "plain HTTP: " in told
    assert "passwords can be read" in told
    for text, said in (
        ("tls_server_config: {cert_file: absent, key_file: absent}\n", "web.yml: tls_server_config: "),
        ("basic_auth_users: {alice: secret}\n", "web.yml:1: basic_auth_users: write bcrypt hashes"),
    ):
        web.write_text(text)
        assert MAINS[name](["--config.check", *flags]) == MAINS[name](flags) == 1
        assert capsys.readouterr().err.count(said) == 2


@pytest.mark.parametrize(
    ("listen", "alone"),
    [("127.0.0.1:1", True), ("127.9.9.9:1", True), ("localhost:1", True), ("[::1]:1", True), ("::1:1", True),
     ("0.0.0.0:1", False), ("[::]:1", False), ("10.0.0.7:1", False), ("node.example.org:1", False)],
)  # fmt: skip
def test_only_loopback_is_for_this_machine_alone(listen: str, alone: bool) -> None:
    assert loopback(listen) is alone
