"""Who may deliver alerts, who may look, who may act."""

import base64
from pathlib import Path

import bcrypt
import pytest
from pydantic import ValidationError

from actuator.auth import Caller, Gatekeeper, Verdict, caller_of
from actuator.configs.auth import Auth
from nodekit.settings import SecretFile
from nodekit.webfile import basic_credentials

HASH = bcrypt.hashpw(b"correct horse", bcrypt.gensalt(4)).decode()


def basic(name: str, password: str) -> str:
    return "Basic " + base64.b64encode(f"{name}:{password}".encode()).decode()


def caller(authorization: str = "", address: str = "127.0.0.1", host: str = "127.0.0.1") -> Caller:
    return Caller(address, host, authorization, "POST", "application/json")


@pytest.fixture
def keeper(tmp_path: Path) -> Gatekeeper:
    for name in ("old", "new"):
        (tmp_path / name).write_text(f"{name}-token\n")
    auth = Auth.model_validate(
        {
            "webhook": {"bearer_file": [SecretFile(tmp_path / "old"), SecretFile(tmp_path / "new")]},
            "operators": {
                "alice": {"password_bcrypt": HASH},
                "bob": {"password_bcrypt": HASH, "role": "viewer"},
                "robot": {"password_file": SecretFile(tmp_path / "old")},
            },
            "allow": ["127.0.0.0/8", "203.0.113.7"],
        }
    )
    return Gatekeeper(auth, loopback=False)


@pytest.mark.parametrize(
    ("header", "status"),
    [
        ("Bearer old-token", 200),
        ("bearer new-token", 200),
        ("Bearer other", 403),
        ("", 401),
        (basic("a", "b"), 401),
    ],
)
def test_two_tokens_are_valid_while_one_is_exchanged(keeper: Gatekeeper, header: str, status: int) -> None:
    assert keeper.webhook(caller(header)).status == status


@pytest.mark.parametrize(
    ("header", "known"),
    [
        ("Bearer old-token", True),
        ("Bearer other", False),
        (basic("alice", "correct horse"), True),
        (basic("bob", "correct horse"), True),
        (basic("alice", "wrong"), False),
        (basic("nobody", "correct horse"), False),
        ("", False),
    ],
)
def test_at_the_web_files_gate_everybody_of_auth_is_known(
    keeper: Gatekeeper, header: str, known: bool
) -> None:
    assert keeper.knows(header) is known


def test_without_credentials_in_auth_it_knows_nobody() -> None:
    alone = Gatekeeper(Auth.model_validate({}), loopback=True)

    assert not any(alone.knows(header) for header in ("", "Bearer ", basic("alice", "")))


def test_a_token_that_was_exchanged_counts_at_once(keeper: Gatekeeper, tmp_path: Path) -> None:
    (tmp_path / "old").write_text("newest-token\n")

    assert keeper.webhook(caller("Bearer newest-token")).allowed
    assert not keeper.webhook(caller("Bearer old-token")).allowed


@pytest.mark.parametrize(
    ("header", "role", "expected"),
    [
        (basic("alice", "correct horse"), "operator", Verdict("alice")),
        (basic("bob", "correct horse"), "viewer", Verdict("bob")),
        (basic("bob", "correct horse"), "operator", Verdict(status=403, why="bob may look, not act")),
        (basic("alice", "wrong"), "viewer", Verdict(status=401, why="name or password is wrong")),
        (basic("mallory", "correct horse"), "viewer", Verdict(status=401, why="name or password is wrong")),
        ("Basic %%%", "viewer", Verdict(status=401, why="name or password is wrong")),
        ("", "viewer", Verdict(status=401, why="name or password is wrong")),
    ],
)
def test_operators_act_and_viewers_look(
    keeper: Gatekeeper, header: str, role: str, expected: Verdict
) -> None:
    assert keeper.operator(caller(header), role) == expected
    assert keeper.operator(caller(header), role) == expected, "the remembered verdict is the same"


def test_other_networks_are_turned_away_before_anything_else(keeper: Gatekeeper) -> None:
    assert keeper.webhook(caller("Bearer old-token", "198.51.100.1")).status == 403
    assert keeper.webhook(caller("Bearer old-token", "203.0.113.7")).allowed


def test_without_credentials_only_this_machine_by_its_own_name_may_act() -> None:
    """A page on the web can make a browser here send requests, but not with our own host name."""
    keeper = Gatekeeper(Auth(), loopback=True)

    assert keeper.operator(caller(), "operator").allowed
    assert keeper.operator(caller(host="evil.example"), "operator").status == 403
    assert keeper.webhook(caller(host="localhost")).allowed


@pytest.mark.parametrize(
    ("value", "host"), [("[::1]:19189", "[::1]"), ("localhost:1", "localhost"), ("a", "a")]
)
def test_the_host_header_is_read_without_its_port(value: str, host: str) -> None:
    assert caller_of("::1", {"Host": value}, "GET").host == host


def test_credentials_that_are_no_text_are_none() -> None:
    assert basic_credentials("Basic " + base64.b64encode(b"\xff:\xff").decode()) == ("", "")


def test_a_password_in_a_file_is_read_at_each_use(keeper: Gatekeeper, tmp_path: Path) -> None:
    assert keeper.operator(caller(basic("robot", "old-token")), "operator").allowed
    assert keeper.operator(caller(basic("robot", "")), "operator").status == 401

    (tmp_path / "old").write_text("rotated")
    assert keeper.operator(caller(basic("robot", "old-token")), "operator").status == 401
    assert keeper.operator(caller(basic("robot", "rotated")), "operator").allowed
    (tmp_path / "old").unlink()
    assert keeper.operator(caller(basic("robot", "rotated")), "operator").status == 401


@pytest.mark.parametrize("both", [{}, {"password_bcrypt": HASH, "password_file": SecretFile(Path(__file__))}])
def test_an_operator_has_one_password(both: dict[str, object]) -> None:
    with pytest.raises(ValidationError, match="write one of"):
        Auth.model_validate({"operators": {"alice": both}})
