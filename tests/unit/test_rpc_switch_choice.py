"""Which endpoint `rpc_switch` may take, when it may act, and what it changes in the node's file."""

import os
import stat
from pathlib import Path

import pytest
import yaml

from actuator.agent.rpc_switch.__main__ import main
from actuator.agent.rpc_switch.choose import Finding, Penalty, failed, objections, ranked, refusal
from actuator.agent.rpc_switch.config import RpcSwitch
from actuator.agent.rpc_switch.nodefile import NodeFileError, Urls, current, edited
from actuator.agent.rpc_switch.replace import replace_kept, write_whole
from nodekit.settings import ConfigError, load

HALF = 1800.0

NODE_FILE = """\
# GoPlugin's node.   Keep this comment.
RootDir = '/home/plugin'

[Log]
Level   =  'debug'      # odd spacing stays

[[EVM]]
ChainID = '51'
[[EVM.Nodes]]
Name = 'apothem'
WSURL = "wss://ws.apothem.example"
HTTPURL = "https://apothem.example"

[[EVM]]
ChainID = '50'
LinkContractAddress = '0xff7412ea7c8445c46a8254dfb557ac1e48094391'
MinContractPayment='0.000001 link'

  [[EVM.Nodes]]
  name = 'primary'
  wsUrl = 'wss://old.example/key'   # the paid one
  httpUrl = 'https://old.example/key'

[[EVM.Nodes]]
name = "second"
httpUrl = "https://second.example"

[WebServer]\tHTTPPort = 6688
""".replace("]\tHTTP", "]\nHTTP")


def good(name: str, head: int = 100, **more: object) -> Finding:
    return Finding(**{"name": name, "chain_id": 50, "head": head, "new_head_http": True, **more})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("finding", "reason"),
    [
        (Finding("x", trouble="connection refused"), "connection refused"),
        (good("x", chain_id=51), "serves chain 51, not 50"),
        (good("x", chain_id=None), "serves chain None, not 50"),
        (good("x", new_head_http=False), "brought no new block over HTTP"),
        (good("x", new_head_ws=False), "brought no new block over WebSocket"),
        (good("x", head=94), "is 6 blocks behind"),
    ],
)
def test_a_bad_endpoint_is_objected_to(finding: Finding, reason: str) -> None:
    assert objections([good("a"), finding, good("b", 97, new_head_ws=True)], 50, 5) == {"x": reason}


def test_a_head_of_another_chain_or_one_that_stands_still_makes_nobody_late() -> None:
    findings = [good("a"), good("foreign", 10**6, chain_id=1), good("stuck", 500, new_head_http=False)]

    assert set(objections(findings, 50, 5)) == {"foreign", "stuck"}


def test_candidates_are_taken_in_order_and_those_on_probation_last_until_it_is_over() -> None:
    penalties = {"a": failed(None, 0.0, HALF), "b": failed(failed(None, 0.0, HALF), 0.0, HALF)}

    assert ranked("abcd", {"d": "dead"}, penalties, 60.0, HALF) == ["c", "a", "b"]
    assert ranked("abc", {}, penalties, HALF + 1, HALF) == ["a", "c", "b"], "one failure is forgiven first"
    assert ranked("abc", {}, penalties, 2 * HALF + 1, HALF) == ["a", "b", "c"]


def test_a_clock_that_was_set_back_lengthens_no_probation() -> None:
    assert Penalty(1, 1000.0).left(0.0, HALF) == 1


@pytest.mark.parametrize(
    ("runs", "allowed"),
    [
        ((), True),
        ((1000.0,), False),
        ((400.0,), True),
        ((10.0, 20.0, 30.0), False),
        ((-90000.0, 20.0, 30.0), True),
        ((1002.0,), False),
        ((10.0**6,), True),
    ],
)
def test_switches_keep_their_distance_and_their_number_a_day(runs: tuple[float, ...], allowed: bool) -> None:
    assert (refusal(runs, 1001.0, 600, 3) is None) is allowed


def test_only_the_addresses_change_and_all_else_stays_to_the_byte() -> None:
    text = edited(NODE_FILE, 50, None, Urls("https://new.example/k", "wss://new.example/k"))

    assert text == NODE_FILE.replace("//old.example/key", "//new.example/k")
    assert current(text, 50, "primary") == Urls("https://new.example/k", "wss://new.example/k")
    assert current(text, 51, None).http == "https://apothem.example"


def test_the_same_address_in_another_entry_stays() -> None:
    before = NODE_FILE.replace("https://second.example", "https://old.example/key/2")

    after = edited(before, 50, None, Urls("https://n", "wss://n"))

    assert current(after, 50, "second").http == "https://old.example/key/2"
    assert after.count("old.example") == 1


def test_endpoints_in_inline_tables_are_edited_too() -> None:
    before = "[[EVM]]\nChainID = 50\nNodes = [ { Name = 'a', HTTPURL = 'http://o', WSURL = 'ws://o' } ] # x\n"

    assert edited(before, 50, None, Urls("http://n", "ws://n")) == before.replace("//o", "//n")


def test_windows_line_ends_stay_and_an_entry_without_websocket_gets_none() -> None:
    before = NODE_FILE.replace("\n", "\r\n")

    after = edited(before, 50, "second", Urls("https://n.example", "wss://n.example"))

    assert after == before.replace("second.example", "n.example")
    assert current(after, 50, "second").ws is None


@pytest.mark.parametrize(
    ("text", "chain", "name", "urls", "why"),
    [
        (NODE_FILE, 1, None, Urls("http://n", "ws://n"), "no [[EVM]] with ChainID 1"),
        (NODE_FILE, 50, "third", Urls("http://n", "ws://n"), "no [[EVM.Nodes]] called third"),
        (NODE_FILE, 50, None, Urls("http://n", None), "the candidate has no `ws`"),
        ("a = 'hiddenkey", 50, None, Urls("http://n", None), "is no TOML"),
        ("EVM = 5", 50, None, Urls("http://n", None), "no [[EVM]] with ChainID 50"),
    ],
)
def test_a_file_that_cannot_be_edited_safely_is_refused(
    text: str, chain: int, name: str | None, urls: Urls, why: str
) -> None:
    with pytest.raises(NodeFileError, match=why.replace("[", r"\[")) as caught:
        edited(text, chain, name, urls)
    assert "hidden" not in str(caught.value)


def test_a_replaced_file_keeps_mode_and_owner_and_a_link_stays_a_link(tmp_path: Path) -> None:
    real, link = tmp_path / "real.toml", tmp_path / "config.toml"
    real.write_text("old")
    real.chmod(0o640)
    link.symlink_to(real)
    if os.geteuid() == 0:
        os.chown(real, 1234, 4321)
    before = real.stat()

    replace_kept(link, b"new")

    after = real.stat()
    assert link.is_symlink() and real.read_text() == "new"
    assert (after.st_uid, after.st_gid, stat.S_IMODE(after.st_mode)) == (before.st_uid, before.st_gid, 0o640)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["config.toml", "real.toml"]


def test_a_file_left_by_a_crash_is_no_hindrance(tmp_path: Path) -> None:
    (tmp_path / ".state.chainwarden-new").write_text("half")

    write_whole(tmp_path / "state", b"whole", mode=0o600)

    assert (tmp_path / "state").read_bytes() == b"whole"
    assert [path.name for path in tmp_path.iterdir()] == ["state"]


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ("success: {}", "success: write `log` with `errors`, or `command`, or both"),
        ("success: {log: /l}", "success: write the `errors` that must not come up in the log"),
        ("success: {log: /l, errors: [x], quiet: 5m}", "success: `within` must be longer than `quiet`"),
    ],
)
def test_a_switch_without_a_way_to_verify_it_is_refused(tmp_path: Path, change: str, problem: str) -> None:
    path = tmp_path / "switch.yml"
    path.write_text(
        "node_config: /c\nchain_id: 50\ncandidates: [{name: a, http: 'http://h/hidden'}]\n"
        f"restart: [pm2, restart, '2']\nstate: /s\n{change}\n"
    )
    with pytest.raises(ConfigError) as caught:
        load(path, RpcSwitch)

    assert caught.value.problems == [f"{path}:6: {problem}"]


def test_the_shipped_example_is_valid(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("RPC_KEY", "hidden")
    path = Path(__file__).resolve().parents[2] / "config" / "rpc_switch.yml"

    assert main(["--config.check", "--config.file", str(path)]) == 0
    assert capsys.readouterr().out == f"{path}: valid\n"
    assert "hidden" not in str(load(path, RpcSwitch).model_dump(mode="json"))
    assert set(yaml.safe_load(path.read_text())) == set(RpcSwitch.model_fields), "complete"
