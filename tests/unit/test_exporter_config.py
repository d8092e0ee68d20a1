"""exporter.yml: wrong references are told with line and key; the shipped example is right."""

import socket
import subprocess
import sys
from pathlib import Path

import pytest

from exporter.__main__ import main
from exporter.config import Config
from nodekit.settings import ConfigError, load

ROOT = Path(__file__).resolve().parents[2]


TWO = "chains:\n  one:\n    nodes:\n      A: {url: 'http://h:1'}\n  two:\n    nodes:\n      A: {url: 'http://h:1'}\n"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "chains:\n  eos:\n    producers: [bp]\n    nodes:\n      A:\n        url: 'http://h:1'\n        group: other\n",
            [
                ":7: chains.eos.nodes.A.group: other is not among the chain's producers (bp); "
                "write one of them, or add it there"
            ],
        ),
        (
            "chains:\n  eos:\n    nodes:\n      A: {url: 'h:1'}\n      B: {url: 'http://u:pw@h:1'}\n",
            [
                ":4: chains.eos.nodes.A.url: write an address such as http://10.0.0.1:8888",
                ":5: chains.eos.nodes.B.url: write an address such as http://10.0.0.1:8888",
            ],
        ),
        (TWO, [":7: chains.two.nodes.A: is the name of a node of chain one already; rename one of them"]),
        (
            "chains:\n  eos:\n    interval: 0s\n    nodes:\n      A: {url: 'http://h:1', timeout: 1ms}\n",
            [
                ":3: chains.eos.interval: write 100ms or more",
                ":5: chains.eos.nodes.A.timeout: write 100ms or more",
            ],
        ),
        (
            "chains:\n  eos:\n    producers: bp\n    nodes:\n      A: {url: 'http://h:1', group: bp}\n",
            [":3: chains.eos.producers: Input should be a valid tuple"],
        ),
        (
            "chains:\n  eos:\n    nodes:\n      A: {url: 'http://h:1', role: D}\n",
            [":4: chains.eos.nodes.A.role: Input should be 'A', 'B', 'C' or 'F'"],
        ),
        (
            "chains:\n  eos:\n    chain_id: aca376\n    nodes:\n      A: {url: 'http://h:1'}\n",
            [":3: chains.eos.chain_id: write the 64 hexadecimal digits that get_info calls chain_id"],
        ),
        ("listen: 19188\n", [":1: listen: Input should be a valid string"]),
        ("listen: localhost\n", [":1: listen: write an address and port such as 127.0.0.1:19188"]),
        (
            "chains:\n  eos:\n    nodes: {}\n",
            [":3: chains.eos.nodes: write at least one node, or nodes_files"],
        ),
    ],
)
def test_a_wrong_file_is_refused_at_the_line_of_the_key(
    tmp_path: Path, text: str, expected: list[str]
) -> None:
    path = tmp_path / "exporter.yml"
    path.write_text(text)

    with pytest.raises(ConfigError) as caught:
        load(path, Config)

    assert caught.value.problems == [f"{path}{line}" for line in expected]


def test_what_is_shown_of_a_node_leaves_out_a_key_in_its_path() -> None:
    config = Config.model_validate(
        {"chains": {"eos": {"nodes": {"A": {"url": "https://rpc.example/v3/hidden"}}}}}
    )

    assert "hidden" not in str(config.model_dump(mode="json"))
    assert config.chains["eos"].nodes["A"].url == "https://rpc.example/v3/hidden"


def test_the_shipped_example_is_valid(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--config.check", "--config.file", str(ROOT / "config" / "exporter.yml")]) == 0
    assert capsys.readouterr().out.endswith("exporter.yml: valid\n")


def test_a_wrong_file_ends_the_program_with_the_reason_alone(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "exporter.yml"
    path.write_text("chainz: {}\n")

    status = main(["--config.file", str(path)])

    assert status == 1
    assert capsys.readouterr().err == f"{path}:1: chainz: unknown key; did you mean `chains`?\n"


def test_a_port_that_is_taken_ends_the_program_with_one_line(tmp_path: Path) -> None:
    path = tmp_path / "exporter.yml"
    path.write_text("chains: {}\n")
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        ended = subprocess.run(
            [sys.executable, "-m", "exporter", "--config.file", path, "--web.listen-address", address],
            cwd=ROOT, capture_output=True, text=True, timeout=30, check=False,
        )  # fmt: skip

    assert ended.returncode == 1
    assert ended.stderr == f"chainwarden-exporter: cannot listen on {address}: Address already in use\n"
