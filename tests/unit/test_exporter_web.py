"""The exporter's HTTP face: what answers what, in which form, and what stays hidden."""

import gzip
from collections.abc import Iterator
from pathlib import Path

import pytest
from flask.testing import FlaskClient
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_openmetrics
from prometheus_client.parser import text_string_to_metric_families as parse_text

from exporter.config import Config
from exporter.runtime import Runtime
from exporter.web import application
from nodekit.settings import load

FILE = "chains:\n  eos:\n    producers: [bp]\n    nodes:\n      A: {url: 'http://127.0.0.1:9/key', group: bp, role: A}\n"
"""Port 9 (discard) has no listener on a test machine."""


@pytest.fixture
def runtime(tmp_path: Path) -> Iterator[Runtime]:
    path = tmp_path / "exporter.yml"
    path.write_text(FILE)
    made = Runtime(path, load(path, Config), clock=lambda: 1000.0)
    yield made
    made.stop()


@pytest.fixture
def client(runtime: Runtime) -> FlaskClient:
    return application(runtime).test_client()


def test_it_is_healthy_at_once_and_ready_when_everything_was_looked_at(
    client: FlaskClient, runtime: Runtime
) -> None:
    assert client.get("/-/healthy").status_code == 200
    before = client.get("/-/ready")
    runtime.look_once()

    assert (before.status_code, "nodeos of A" in before.text) == (503, True)
    assert client.get("/-/ready").status_code == 200
    assert client.head("/-/ready").status_code == 200


def test_a_look_that_failed_is_in_both_formats_with_its_reason(client: FlaskClient, runtime: Runtime) -> None:
    runtime.look_once()
    text = client.get("/metrics")
    open_text = client.get("/metrics", headers={"Accept": "application/openmetrics-text; version=1.0.0"})

    assert text.content_type.startswith("text/plain; version=0.0.4")
    assert open_text.content_type.startswith("application/openmetrics-text; version=1.0.0")
    failed = (
        "chainwarden_probe_failures_total",
        {"probe": "nodeos", "target": "A", "reason": "refused"},
        1.0,
    )
    for families in (parse_text(text.text), parse_openmetrics(open_text.text)):
        assert failed in [sample[:3] for family in families for sample in family.samples]


def test_what_the_configuration_says_is_known_before_any_look(client: FlaskClient) -> None:
    found = {family.name for family in parse_text(client.get("/metrics").text)}

    assert {"antelope_node_info", "antelope_group_info", "chainwarden_build_info"} <= found
    assert not found & {"antelope_head_block_number", "antelope_group_active_nodes"}


def test_only_the_families_that_were_asked_for_are_given(client: FlaskClient) -> None:
    found = client.get("/metrics?name[]=antelope_node_info&name[]=chainwarden_build_info").text

    assert {family.name for family in parse_text(found)} == {"antelope_node_info", "chainwarden_build_info"}


def test_an_answer_is_packed_for_who_takes_it(client: FlaskClient) -> None:
    packed = client.get("/metrics", headers={"Accept-Encoding": "gzip"})
    plain = client.get("/metrics", headers={"Accept-Encoding": "gzip;q=0"})

    assert packed.headers["Content-Encoding"] == "gzip"
    assert b"antelope_node_info" in gzip.decompress(packed.data)
    assert "Content-Encoding" not in plain.headers


def test_a_reload_takes_a_post_and_keeps_what_is_right(client: FlaskClient, runtime: Runtime) -> None:
    old = runtime.config
    assert client.get("/-/reload").status_code == 405
    runtime.path.write_text(FILE.replace("bp}", "bq}").replace("group: bp", "group: bq"))
    wrong = client.post("/-/reload")

    assert wrong.status_code == 500
    assert "exporter.yml:5: chains.eos.nodes.A.group: bq is not among" in wrong.text
    assert runtime.config is old
    assert "chainwarden_config_last_reload_successful 0.0" in client.get("/metrics").text

    runtime.path.write_text(FILE)
    assert client.post("/-/reload").status_code == 200
    assert "chainwarden_config_last_reload_successful 1.0" in client.get("/metrics").text


def test_the_pages_for_people_show_no_key(client: FlaskClient) -> None:
    shown = client.get("/config").text

    assert "url: http://127.0.0.1:9\n" in shown
    assert "/key" not in shown
    assert client.get("/").status_code == 200
    assert client.get("/nothing").status_code == 404
