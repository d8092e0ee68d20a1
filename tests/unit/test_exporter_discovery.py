"""Nodes that files name, one-off probes, and the web configuration file, as Prometheus users know them."""

import base64
import json
import os
import socket
import ssl
import subprocess
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import bcrypt
import pytest

from exporter.config import Config
from exporter.discovery import expanded, stamp
from exporter.runtime import Runtime
from exporter.web import application
from lab.ports import free_port
from lab.server import poll
from nodekit.serving import bound
from nodekit.settings import ConfigError, load
from nodekit.webfile import Gate
from tests.unit.test_exporter_production import Recorder, serving

FILE = "chains:\n  eos:\n    producers: [bp]\n    nodes_files: [targets/*.yml, targets/*.json]\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "targets").mkdir()
    (tmp_path / "exporter.yml").write_text(FILE)
    return tmp_path


def config(folder: Path) -> Config:
    return load(folder / "exporter.yml", Config)


def test_targets_of_yaml_and_json_files_become_nodes_with_their_labels(folder: Path) -> None:
    (folder / "targets" / "a.yml").write_text(
        "- targets: ['http://127.0.0.1:1']\n  labels: {node: tokyo, role: A, group: bp, dc: tk}\n"
        "- targets: ['127.0.0.1:2', '127.0.0.1:3']\n"
    )
    (folder / "targets" / "b.json").write_text(json.dumps([{"targets": ["http://127.0.0.1:4"]}]))

    nodes = expanded(config(folder), folder).chains["eos"].nodes

    assert set(nodes) == {"tokyo", "127.0.0.1:2", "127.0.0.1:3", "127.0.0.1:4"}
    assert (nodes["tokyo"].role, nodes["tokyo"].group) == ("A", "bp")
    assert nodes["127.0.0.1:2"].url == "http://127.0.0.1:2"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{", "is no list of targets"),
        ("targets: []", "write a list of"),
        ("- targets: x", "0.targets: write a list of addresses"),
        ("- targets: ['http://127.0.0.1:1']\n  labels: {role: Z}", "role"),
        ("- targets: ['http://127.0.0.1:1']\n  labels: {group: zz}", "zz is not among the chain's producers"),
        ("- targets: [a:1]\n  labels: {node: x}\n- targets: [a:2]\n  labels: {node: x}", None),
    ],
)
def test_a_wrong_file_is_named_with_what_is_wrong(folder: Path, text: str, said: str | None) -> None:
    (folder / "targets" / "a.yml").write_text(text)
    if said is None:
        assert len(expanded(config(folder), folder).chains["eos"].nodes) == 1, "the last one counts"
        return
    with pytest.raises(ConfigError) as caught:
        expanded(config(folder), folder)

    assert "a.yml" in str(caught.value)
    assert said in str(caught.value)


def test_a_file_that_changes_changes_the_nodes_without_a_restart_and_a_wrong_one_changes_nothing(
    folder: Path,
) -> None:
    node = Recorder()
    target = folder / "targets" / "a.json"
    with serving(node):
        runtime = Runtime(folder / "exporter.yml", config(folder))
        runtime.start()
        assert runtime.unseen() == []
        target.write_text(json.dumps([{"targets": [node.url], "labels": {"node": "new"}}]))
        try:
            assert poll(lambda: "new" in runtime.config.chains["eos"].nodes, 10)
            assert poll(lambda: "/v1/chain/get_info" in node.asked, 10)
            target.write_text("{")
            os.utime(target, (1, 1))
            assert poll(lambda: not runtime._reload_ok, 10)
            assert "new" in runtime.config.chains["eos"].nodes
        finally:
            runtime.stop()


def test_files_that_a_reload_names_for_the_first_time_are_watched_too(folder: Path) -> None:
    path = folder / "exporter.yml"
    path.write_text("chains: {}\n")
    runtime = Runtime(path, config(folder))
    runtime.start()
    try:
        path.write_text(FILE)
        runtime.reload()
        (folder / "targets" / "a.yml").write_text("- targets: ['127.0.0.1:1']\n")
        assert poll(lambda: "127.0.0.1:1" in runtime.config.chains["eos"].nodes, 10)
    finally:
        runtime.stop()


def test_a_file_that_goes_while_it_is_looked_at_is_gone(folder: Path) -> None:
    (folder / "targets" / "a.yml").symlink_to(folder / "nowhere")

    assert stamp(config(folder), folder) == ()


def test_a_one_off_probe_shows_a_target_that_is_in_no_configuration(folder: Path) -> None:
    node = Recorder()
    client = application(Runtime(folder / "exporter.yml", config(folder))).test_client()
    with serving(node):
        found = client.get("/probe", query_string={"target": node.url, "module": "nodeos"}).text
        links = client.get("/probe", query_string={"target": node.url, "module": "peers"}).text
    gone = client.get("/probe", query_string={"target": node.url}).text

    assert "probe_success 1.0" in found
    assert 'antelope_head_block_number{node="target"} 100.0' in found
    assert 'antelope_p2p_connections{direction="inbound",node="target"} 0.0' in links
    assert "probe_success 0.0" in gone
    assert 'probe_failure_info{reason="refused"} 1.0' in gone
    assert not any(path.endswith(("/pause", "/resume")) for path in node.asked)


@pytest.mark.parametrize(
    "query",
    [{}, {"target": "http://127.0.0.1:1", "module": "shell"}, {"target": "unix:///x"}, {"target": "ftp://x"}],
)
def test_a_probe_that_makes_no_sense_is_refused(folder: Path, query: dict[str, str]) -> None:
    client = application(Runtime(folder / "exporter.yml", config(folder))).test_client()

    assert client.get("/probe", query_string=query).status_code == 400


@contextmanager
def served(folder: Path, text: str) -> Iterator[int]:
    (folder / "web.yml").write_text(text)
    port = free_port()
    app = application(Runtime(folder / "exporter.yml", config(folder)))
    server = bound(f"127.0.0.1:{port}", app, Gate(folder / "web.yml"), threads=2)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    try:
        yield port
    finally:
        server.close()
        thread.join(5)


def certificate(folder: Path, name: str = "cert") -> None:
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
         "-keyout", folder / "key.pem", "-out", folder / f"{name}.pem", "-days", "2", "-subj", "/CN=localhost",
         "-addext", "subjectAltName=IP:127.0.0.1"],
        check=True, capture_output=True,
    )  # fmt: skip


def status(url: str, user: str = "", context: ssl.SSLContext | None = None, body: bytes | None = None) -> int:
    """What a GET, or a POST when there is a body, is answered with."""
    request = urllib.request.Request(url, data=body)
    if user:
        request.add_header("Authorization", "Basic " + base64.b64encode(user.encode()).decode())
    try:
        with urllib.request.urlopen(request, timeout=5, context=context) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        error.close()
        return error.code


def hashed(password: str) -> str:
    return bcrypt.hashpw(password.encode(), bcrypt.gensalt(4)).decode()


def test_tls_and_basic_auth_are_asked_of_every_path_and_changes_of_the_file_count(folder: Path) -> None:
    certificate(folder)
    text = (
        "tls_server_config: {{cert_file: cert.pem, key_file: key.pem}}\nbasic_auth_users: {{alice: '{}'}}\n"
    )
    trusted = ssl.create_default_context(cafile=str(folder / "cert.pem"))
    with served(folder, text.format(hashed("right"))) as port:
        url = f"https://127.0.0.1:{port}"
        assert status(f"{url}/metrics", "alice:right", trusted) == 200
        assert status(f"{url}/metrics", "alice:wrong", trusted) == 401
        assert status(f"{url}/metrics", "bob:right", trusted) == 401
        assert status(f"{url}/-/healthy", context=trusted) == 401
        with pytest.raises(OSError):
            status(f"http://127.0.0.1:{port}/metrics", "alice:right")
        (folder / "web.yml").write_text(text.format(hashed("other")))
        os.utime(folder / "web.yml", (1, 1))
        assert status(f"{url}/metrics", "alice:right", trusted) == 401
        assert status(f"{url}/metrics", "alice:other", trusted) == 200
        (folder / "web.yml").write_text("basic_auth_users: {}\nnonsense: 1\n")
        os.utime(folder / "web.yml", (2, 2))
        with pytest.raises(OSError):
            status(f"{url}/metrics", "alice:other", trusted)


def test_a_tls_client_that_says_nothing_stops_nobody_else(folder: Path) -> None:
    certificate(folder)
    trusted = ssl.create_default_context(cafile=str(folder / "cert.pem"))
    text = "tls_server_config: {cert_file: cert.pem, key_file: key.pem}\n"
    with served(folder, text) as port, socket.create_connection(("127.0.0.1", port)):
        started = time.monotonic()
        assert status(f"https://127.0.0.1:{port}/-/healthy", context=trusted) == 200
        assert time.monotonic() - started < 5


def test_basic_auth_works_without_tls_too(folder: Path) -> None:
    with served(folder, f"basic_auth_users: {{alice: '{hashed('right')}'}}\n") as port:
        url = f"http://127.0.0.1:{port}/-/healthy"
        assert (status(url, "alice:right"), status(url)) == (200, 401)


def test_a_wrong_web_file_ends_the_start_with_the_line(folder: Path) -> None:
    path = folder / "web.yml"
    path.write_text("basic_auth_users: {alice: secret}\n")
    with pytest.raises(ConfigError, match=r"web\.yml:1: basic_auth_users: write bcrypt hashes"):
        Gate(path)
    path.write_text("tls_server_config: {cert_file: none.pem, key_file: none.pem}\n")
    with pytest.raises(ConfigError, match="write readable PEM files"):
        Gate(path)
