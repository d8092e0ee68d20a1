"""The agent's way to a broker that asks for a password over TLS."""

import ssl
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from lab.mosquitto import Mosquitto
from lab.server import poll
from lab.stack import Program
from lab.webcall import get_text
from tests.unit.test_exporter_discovery import certificate, hashed, status


@dataclass(frozen=True)
class Guarded:
    """A broker with TLS and a password, and an authority that has nothing to do with it."""

    broker: Mosquitto
    ca: Path
    other_ca: Path


def authority(folder: Path, name: str) -> Path:
    ca = folder / f"{name}.pem"
    openssl(
        "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", f"/CN={name}",
        "-keyout", str(folder / f"{name}.key"), "-out", str(ca),
    )  # fmt: skip
    return ca


def openssl(*words: str) -> None:
    subprocess.run(["openssl", *words], check=True, capture_output=True)


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Guarded]:
    folder = tmp_path_factory.mktemp("tls")
    ca, other = authority(folder, "ours"), authority(folder, "other")
    key, request, cert, names = (folder / name for name in ("b.key", "b.csr", "b.pem", "names"))
    names.write_text("subjectAltName=IP:127.0.0.1")
    openssl(
        "req", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=b", "-keyout", str(key), "-out", str(request)
    )
    openssl(
        "x509", "-req", "-in", str(request), "-CA", str(ca), "-CAkey", str(folder / "ours.key"), "-CAcreateserial",
        "-days", "2", "-extfile", str(names), "-out", str(cert),
    )  # fmt: skip
    passwords = folder / "passwords"
    subprocess.run(["mosquitto_passwd", "-b", "-c", str(passwords), "agent", "right"], check=True)
    settings = [
        f"cafile {ca}",
        f"certfile {cert}",
        f"keyfile {key}",
        f"password_file {passwords}",
        "allow_anonymous false",
    ]
    with Mosquitto(folder / "broker", settings=settings) as broker:
        yield Guarded(broker, ca, other)


def agent(folder: Path, guarded: Guarded, ca: Path, password: str) -> Program:
    (folder / "password").write_text(password)
    mqtt: dict[str, Any] = {
        "host": "127.0.0.1", "port": guarded.broker.port, "username": "agent",
        "password_file": str(folder / "password"), "tls": {"ca_file": str(ca)},
    }  # fmt: skip
    topics = {"command": "c", "result": "r"}
    return Program("agent", "actuator.agent", folder, {
        "host": "h1", "mqtt": mqtt, "topics": topics, "journal": str(folder / "agent.db"),
    })  # fmt: skip


class Encrypted(Program):
    """A program that serves as its web file says."""

    def command(self) -> Sequence[str]:
        return [*super().command(), "--web.config.file", str(self.config_path.with_name("web.yml"))]

    def ready(self) -> bool:
        with suppress(OSError):
            return status(f"https://127.0.0.1:{self.port}/metrics", context=NOT_CHECKED) == 401
        return False


NOT_CHECKED = ssl._create_unverified_context()


def connected(program: Program) -> bool:
    return "chainwarden_agent_broker_connected 1.0" in get_text(f"{program.url}/metrics")


def test_the_right_authority_and_password_connect(guarded: Guarded, tmp_path: Path) -> None:
    with agent(tmp_path, guarded, guarded.ca, "right") as program:
        assert poll(lambda: connected(program), 10), program.log_tail()


def test_a_broker_of_another_authority_is_not_trusted(guarded: Guarded, tmp_path: Path) -> None:
    with agent(tmp_path, guarded, guarded.other_ca, "right") as program:
        assert poll(lambda: "certificate verify failed" in program.log_tail(50), 10), program.log_tail()
        assert not connected(program)


def test_a_wrong_password_is_told_and_shown_to_nobody(guarded: Guarded, tmp_path: Path) -> None:
    with agent(tmp_path, guarded, guarded.ca, "wrong-password") as program:
        assert poll(lambda: "the broker refuses us" in program.log_tail(50), 10), program.log_tail()
        assert not connected(program)
        assert "wrong-password" not in program.log_tail(1000)


def test_the_agents_page_and_metrics_are_served_as_the_web_file_says(tmp_path: Path) -> None:
    certificate(tmp_path)
    (tmp_path / "web.yml").write_text(
        "tls_server_config: {cert_file: cert.pem, key_file: key.pem}\n"
        f"basic_auth_users: {{prometheus: '{hashed('scrape')}'}}\n"
    )
    topics = {"command": "c", "result": "r"}
    config = {"host": "h1", "mqtt": {"port": 9}, "topics": topics, "journal": str(tmp_path / "agent.db")}
    trusted = ssl.create_default_context(cafile=str(tmp_path / "cert.pem"))
    with Encrypted("agent", "actuator.agent", tmp_path, config) as program:
        url = f"https://127.0.0.1:{program.port}"
        for path in ("/", "/metrics", "/services.json"):
            asked = [status(url + path, user, trusted) for user in ("", "prometheus:x", "prometheus:scrape")]
            assert asked == [401, 401, 200]
        with pytest.raises(OSError):
            status(program.url)
