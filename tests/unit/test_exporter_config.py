"""exporter.yml: wrong references are told with line and key; the shipped example is right."""

from pathlib import Path

import pytest

from exporter.__main__ import main
from exporter.config import Config
from nodekit.settings import ConfigError, load

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "chains:\n  eos:\n    producers: [bp]\n    nodes:\n      A: {url: 'http://h:1', group: other}\n",
            ":4: chains.eos.nodes: node A: group other is not among the chain's producers (bp)",
        ),
        (
            "chains:\n  eos:\n    nodes:\n      A: {url: 'h:1'}\n",
            ":4: chains.eos.nodes.A.url: write an address such as http://10.0.0.1:8888",
        ),
        ("listen: 19188\n", ":1: listen: Input should be a valid string"),
        ("listen: localhost\n", ":1: listen: write an address and port such as 127.0.0.1:19188"),
        ("chains:\n  eos:\n    nodes: {}\n", ":3: chains.eos.nodes: Dictionary should have at least 1 item"),
    ],
)
def test_a_wrong_file_is_refused(tmp_path: Path, text: str, expected: str) -> None:
    path = tmp_path / "exporter.yml"
    path.write_text(text)

    with pytest.raises(ConfigError) as caught:
        load(path, Config)

    assert str(caught.value).startswith(f"{path}{expected}")


def test_a_node_in_two_chains_is_refused(tmp_path: Path) -> None:
    node = "nodes: {A: {url: 'http://h:1'}}"
    path = tmp_path / "exporter.yml"
    path.write_text(f"chains:\n  one: {{{node}}}\n  two: {{{node}}}\n")

    with pytest.raises(ConfigError, match="node A is in the chains one and two"):
        load(path, Config)


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
