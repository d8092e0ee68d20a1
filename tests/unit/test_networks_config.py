"""What exporter.yml says of EVM networks: addresses in both forms, keys kept out of sight."""

import itertools
from pathlib import Path

import pytest

from exporter.config import Config
from nodekit.settings import ConfigError, load

GOOD = "5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed"
HEAD = "networks:\n  xdc:\n    chain_id: 50\n    rpc: [https://rpc.example.org/v3/hidden]\n"


def loaded(tmp_path: Path, text: str) -> Config:
    path = tmp_path / "exporter.yml"
    path.write_text(text)
    return load(path, Config)


@pytest.mark.parametrize("form", ["0x" + GOOD, "xdc" + GOOD, "XDC" + GOOD.lower(), "0x" + GOOD.upper()])
def test_both_forms_of_an_address_become_one(tmp_path: Path, form: str) -> None:
    config = loaded(tmp_path, HEAD + f'    accounts: [{{name: node, address: "{form}", low: 10}}]\n')

    (account,) = config.networks["xdc"].accounts
    assert account.address == "0x" + GOOD.lower()
    assert account.low == {"": 10.0}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("    accounts: [{name: node, address: 0x0000000000000000000000000000000000000001}]\n", "5: networks.xdc.accounts[0].address: write the address in quotes: YAML reads 0x… as a number"),
        ("    tokens: {PLI: 0x0000000000000000000000000000000000000001}\n", "5: networks.xdc.tokens.PLI: write the address in quotes: YAML reads 0x… as a number"),
        (f"    accounts: [{{name: node, address: xdc{GOOD[:-1]}E}}]\n", "5: networks.xdc.accounts[0].address: the checksum of this address is wrong, so a digit is: copy it again"),
        ("    accounts: [{name: node, address: xdc5a}]\n", "5: networks.xdc.accounts[0].address: write an address: 0x or xdc and 40 hexadecimal digits"),
        (f"    accounts: [{{name: node, address: xdc{GOOD}, low: {{PLI: 1}}}}]\n", "5: networks.xdc.accounts[0].low.PLI: PLI is not among the network's tokens (there are none); add it there"),
        (f"    feeds: {{btc: {{contract: xdc{GOOD}, oracle: xdc{GOOD}, token: PLI}}}}\n", "5: networks.xdc.feeds.btc.token: PLI is not among the network's tokens (there are none); add it there"),
        (f"    tokens: {{coin: xdc{GOOD}}}\n", "5: networks.xdc.tokens.coin: coin is the coin's name already"),
    ],
)  # fmt: skip
def test_a_wrong_network_is_refused_at_the_line_of_the_key(tmp_path: Path, text: str, expected: str) -> None:
    with pytest.raises(ConfigError) as caught:
        loaded(tmp_path, HEAD + text)

    assert caught.value.problems == [f"{tmp_path}/exporter.yml:{expected}"]


def test_two_endpoints_of_one_host_need_names(tmp_path: Path) -> None:
    text = "networks:\n  x:\n    chain_id: 1\n    rpc:\n      - https://h/keyone\n      - https://h/keytwo\n"

    with pytest.raises(ConfigError) as caught:
        loaded(tmp_path, text)

    assert caught.value.problems == [
        f"{tmp_path}/exporter.yml:6: networks.x.rpc[1]: h is the name of another one already; "
        "give this one a different `name`"
    ]


def test_no_key_of_an_endpoint_is_shown_or_told(tmp_path: Path) -> None:
    text = "networks:\n  x:\n    chain_id: 1\n    rpc:\n      - {url: 'https://h/hidden?k=hidden', ws: 'wss://h/hidden'}\n"
    config = loaded(tmp_path, text)

    assert "hidden" not in str(config.model_dump(mode="json"))
    assert config.networks["x"].rpc[0].label == "h"
    with pytest.raises(ConfigError) as caught:
        loaded(tmp_path, text.replace("wss:", "https:"))
    assert "hidden" not in str(caught.value)


def test_a_password_file_is_shown_by_its_path_and_a_reload_of_it_is_no_change(tmp_path: Path) -> None:
    (tmp_path / "dsn").write_text("postgresql://u:hiddenpw@h/d")
    text = HEAD + "    keys: {plugin: {dsn_file: dsn}}\n"

    config = loaded(tmp_path, text)

    assert config == loaded(tmp_path, text)
    assert f"<secret in {tmp_path}/dsn>" in str(config.model_dump(mode="json"))
    assert "hiddenpw" not in str(config.model_dump(mode="json")) + repr(config)


def test_the_commented_example_of_a_network_is_valid(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RPC_KEY", "hidden")
    text = (Path(__file__).resolve().parents[2] / "config" / "exporter.yml").read_text()
    lines = text[text.index("# networks:") :].splitlines()
    block = [line[2:] for line in itertools.takewhile(lambda line: line.startswith("# "), lines)]

    block = [line.replace("/run/secrets/plugin_dsn", "dsn") for line in block]
    (tmp_path / "dsn").write_text("postgresql://hidden")

    network = loaded(tmp_path, "\n".join(block)).networks["xdc"]

    assert [endpoint.label for endpoint in network.rpc] == ["erpc.xinfin.network", "paid"]
