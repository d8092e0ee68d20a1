"""Balances and endpoint health on real EVM chains."""

import json
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from exporter.collector import CollectorError, Source
from exporter.collectors import balance, rpc
from exporter.config import Config
from exporter.observation import Metric, Observation, Sample
from exporter.scheduler import Scheduler
from exporter.snapshot import Store
from lab.anvil import COIN, Anvil
from lab.postgres import Postgres
from lab.webcall import post

ROOT = Path(__file__).resolve().parents[2]
NODE = "0x00000000000000000000000000000000000000a1"
"""Somebody's address without checksum; anvil knows nothing of it."""


@pytest.fixture(scope="module")
def anvil(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Anvil]:
    with Anvil(tmp_path_factory.mktemp("anvil")) as server:
        yield server


@pytest.fixture(scope="module")
def other(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Anvil]:
    with Anvil(tmp_path_factory.mktemp("other"), "other") as server:
        yield server


class Front:
    """An endpoint in front of anvil that counts requests and can have the faults of public ones."""

    def __init__(self, behind: Anvil) -> None:
        self.requests: list[Any] = []
        self.batches = True
        self.refuse_with = ""
        front = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *_: Any) -> None:
                pass

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                front.requests.append(json.loads(body))
                status, answer = front.answer(behind, body)
                self.send_response(status)
                self.send_header("Content-Length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_port}/v3/hiddenkey"
        self._thread = threading.Thread(target=self._server.serve_forever)
        self._thread.start()

    def answer(self, behind: Anvil, body: bytes) -> tuple[int, bytes]:
        if self.refuse_with:
            return 401, self.refuse_with.encode()
        if not self.batches and body.startswith(b"["):
            return 200, b'{"jsonrpc":"2.0","id":null,"error":{"code":-32600,"message":"no batches"}}'
        return 200, post(behind.url, body)

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


@pytest.fixture
def front(anvil: Anvil) -> Iterator[Front]:
    server = Front(anvil)
    yield server
    server.close()


@pytest.fixture
def silent() -> Iterator[str]:
    """The address of an endpoint that takes connections and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"


def config(rpc: Sequence[Any], state: Path | None = None, **more: Any) -> Config:
    network = {"chain_id": 51, "coin": "XDC", "rpc": list(rpc), **more}
    network.setdefault("accounts", [{"name": "node", "address": "xdc" + NODE[2:], "low": 10}])
    return Config.model_validate({"networks": {"xdc": network}, "state_dir": state})


def only(sources: Sequence[Source]) -> Source:
    (source,) = sources
    return source


def look(source: Source, now: float = 0.0) -> dict[tuple[str, ...], float]:
    """(metric, last label) → value."""
    return {(sample.metric.name, *sample.labels[2:]): sample.value for sample in source.observe(now)}


def looked(asked: Config) -> dict[tuple[str, ...], float]:
    source = only(balance.build(asked))
    try:
        return look(source)
    finally:
        source.close()


def of(samples: Sequence[Sample], metric: Metric) -> dict[str, float]:
    return {sample.labels[1]: sample.value for sample in samples if sample.metric is metric}


def test_coin_and_token_of_an_account_are_exact_and_a_transfer_shows(anvil: Anvil) -> None:
    token = anvil.deploy_token(10**9, decimals=6)
    anvil.set_balance(NODE, 3 * COIN + 1)
    anvil.send_token(token, NODE, 2_500_000)
    source = only(balance.build(config([anvil.url], tokens={"PLI": "xdc" + token[2:]})))

    first = look(source)
    anvil.send(NODE, 1.5)
    anvil.send_token(token, NODE, 500_000)
    second = look(source)
    source.close()

    assert first["evm_account_balance", "node", "XDC"] == 3.0
    assert first["evm_account_balance", "node", "PLI"] == 2.5
    assert ("evm_account_balance_disagreement", "node", "XDC") not in first, "there is nobody to disagree"
    assert second["evm_account_balance", "node", "XDC"] == 4.5
    assert second["evm_account_balance", "node", "PLI"] == 3.0
    assert second["evm_account_topups_total", "node", "PLI"] == 1
    assert second["evm_account_received_total", "node", "XDC"] == 1.5


def test_a_token_at_a_wrong_address_is_unknown_and_the_coin_is_still_told(anvil: Anvil) -> None:
    anvil.set_balance(NODE, COIN)

    asked = looked(config([anvil.url], tokens={"PLI": NODE}))
    configured = looked(config([anvil.url], tokens={"PLI": {"address": NODE, "decimals": 18}}))

    for found in (asked, configured):
        assert found["evm_account_balance", "node", "XDC"] == 1
        assert ("evm_account_balance", "node", "PLI") not in found


def test_a_feed_tells_what_it_can_pay_and_what_it_owes(anvil: Anvil) -> None:
    token = anvil.deploy_token(1)
    contract = anvil.deploy_feed(funds=700 * COIN, payment=COIN // 2)
    feed = {"contract": contract, "oracle": NODE, "token": "PLI", "low": 750}
    asked = config([anvil.url], tokens={"PLI": token}, accounts=[], feeds={"btc": feed})

    found = looked(asked)
    derived = {(one.metric, *one.labels): one.value for one in balance.derive(asked, (), 0.0)}

    assert found == {
        ("evm_feed_available_funds", "PLI"): 700.0, ("evm_feed_withdrawable_payment", "PLI"): 0.5
    }  # fmt: skip
    assert derived == {(balance.FUNDS_LOW, "xdc", "btc", "PLI"): 750}


def test_endpoints_that_disagree_are_told_and_the_newest_head_counts(anvil: Anvil, other: Anvil) -> None:
    anvil.set_balance(NODE, 5 * COIN)
    other.set_balance(NODE, 2 * COIN)
    ahead, behind = (anvil, other) if anvil.height() > other.height() else (other, anvil)
    behind.mine(ahead.height() - behind.height() + 1)

    found = looked(config([anvil.url, other.url]))

    assert found["evm_account_balance", "node", "XDC"] == (5 if behind is anvil else 2)
    assert found["evm_account_balance_disagreement", "node", "XDC"] == 3


def test_runway_follows_real_transfers_over_jumps_of_time_and_a_restart(anvil: Anvil, tmp_path: Path) -> None:
    sender = anvil.accounts[5]
    anvil.set_balance(sender, 1000 * COIN)
    asked = config([anvil.url], tmp_path, accounts=[{"name": "node", "address": sender}])

    def spend_six_hours(source: Source) -> dict[tuple[str, ...], float]:
        for _ in range(6):
            anvil.send(NODE, 10, sender)  # and some gas
            anvil.mine(after=3600)
            found = look(source)
        return found

    first = only(balance.build(asked))
    assert ("evm_account_runway_seconds", "node", "XDC") not in look(first), "nothing is known yet"
    spend_six_hours(first)
    first.close()
    second = only(balance.build(asked))
    found = spend_six_hours(second)
    second.close()

    assert found["evm_account_burn_per_second", "node", "XDC"] == pytest.approx(10 / 3600, rel=0.01)
    assert found["evm_account_runway_seconds", "node", "XDC"] == pytest.approx(880 * 360, rel=0.01)
    assert found["evm_account_spent_total", "node", "XDC"] == pytest.approx(120, rel=0.01), "counted on"


def test_twenty_accounts_are_one_request_to_each_endpoint(anvil: Anvil, front: Front) -> None:
    token = anvil.deploy_token(1)
    accounts = [{"name": f"a{n}", "address": address} for n, address in enumerate(anvil.accounts * 2)]

    found = looked(config([front.url], tokens={"PLI": token}, accounts=accounts))

    assert sum(key[0] == "evm_account_balance" for key in found) == 40
    assert len(front.requests) == 1
    assert len(front.requests[0]) == 43, "chain id, head, decimals, and two amounts of each"


def test_an_endpoint_that_takes_no_batches_is_asked_call_by_call(front: Front) -> None:
    front.batches = False

    assert ("evm_account_balance", "node", "XDC") in looked(config([front.url]))
    assert [isinstance(one, list) for one in front.requests] == [True, False, False, False]


def test_a_hung_dead_or_foreign_endpoint_changes_no_value_and_costs_its_timeout_once(
    anvil: Anvil, silent: str, tmp_path: Path
) -> None:
    anvil.set_balance(NODE, COIN)
    with Anvil(tmp_path, "foreign", chain_id=1) as foreign:
        foreign.set_balance(NODE, 9 * COIN)
        foreign.mine(anvil.height() + 5)
        started = time.monotonic()
        found = looked(config([silent, "http://127.0.0.1:9", foreign.url, anvil.url], timeout="1s"))
        took = time.monotonic() - started

    assert found["evm_account_balance", "node", "XDC"] == 1, "the foreign chain's head is newer, and not ours"
    assert ("evm_account_balance_disagreement", "node", "XDC") not in found
    assert 0.9 < took < 2, "web3's own provider would have tried for 6.9 s"


def test_when_no_endpoint_answers_the_balance_is_unknown_and_still_asked_for(silent: str) -> None:
    asked = config([silent, "http://127.0.0.1:9"], timeout="200ms")
    source = only(balance.build(asked))
    store = Store()
    Scheduler([source], store).look_once()
    source.close()

    derived = {sample.metric.name for sample in balance.derive(asked, store.records(), 0.0)}

    assert store.records()[0].succeeded is False and store.records()[0].good is None
    assert derived == {
        "evm_account_info", "evm_account_low_threshold", "evm_account_runway_low_threshold_seconds"
    }  # fmt: skip


def test_an_error_never_quotes_the_key_that_an_endpoint_sends_back(front: Front) -> None:
    front.refuse_with = "no such project: hiddenkey"
    asked = config([front.url])

    for source in (*balance.build(asked), *rpc.build(asked)):
        with pytest.raises(CollectorError) as caught:
            list(source.observe(0.0))
        source.close()
        assert caught.value.reason == "auth"
        assert "***" in str(caught.value) and "hiddenkey" not in str(caught.value)


@pytest.fixture(scope="module")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Postgres]:
    with Postgres(tmp_path_factory.mktemp("postgres")) as server:
        yield server


@pytest.mark.parametrize("table", ["evm.key_states", "public.evm_key_states", "public.eth_key_states"])
def test_the_nodes_own_addresses_come_from_its_database_by_a_role_that_may_read_nothing_else(
    anvil: Anvil, postgres: Postgres, tmp_path: Path, table: str
) -> None:
    schema, name = table.split(".")
    postgres.create(name)
    columns = "id serial, address bytea, disabled bool, evm_chain_id numeric"
    rows = [
        (NODE, False, 51),
        ("0x" + "c" * 40, False, 51),
        ("0x" + "d" * 40, True, 51),
        ("0x" + "e" * 40, False, 50),
    ]
    postgres.execute(
        name, f"CREATE SCHEMA IF NOT EXISTS {schema}", f"CREATE TABLE {table} ({columns}, secret text)",
        *(f"INSERT INTO {table} VALUES (DEFAULT, '\\x{a[2:]}', {d}, {c})" for a, d, c in rows),
        f"CREATE ROLE {name} LOGIN", f"GRANT USAGE ON SCHEMA {schema} TO {name}",
        f"GRANT SELECT (id, address, disabled, evm_chain_id) ON {table} TO {name}",
    )  # fmt: skip
    dsn = tmp_path / "dsn"
    dsn.write_text(postgres.url(name, name))
    anvil.set_balance("0x" + "c" * 40, 7 * COIN)

    found = list_of(config([anvil.url], keys={"plugin": {"dsn_file": str(dsn), "low": 5}}))

    balances = {sample.labels[1:3]: sample.value for sample in found if sample.metric is balance.BALANCE}
    assert set(balances) == {(NODE, "node"), ("0x" + "c" * 40, "plugin")}, "what is configured keeps its name"
    assert balances["0x" + "c" * 40, "plugin"] == 7
    assert [(sample.labels[1], sample.value) for sample in found if sample.metric is balance.LOW] == [
        ("0x" + "c" * 40, 5)
    ]
    assert [sample.value for sample in found if sample.metric is balance.KEYS_KNOWN] == [1]


def test_a_database_that_is_gone_leaves_the_addresses_it_told(
    anvil: Anvil, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    dsn = tmp_path / "dsn"
    with Postgres(tmp_path / "server") as server:
        dsn.write_text(server.create("plugin"))
        server.execute(
            "plugin", "CREATE TABLE evm_key_states (id serial, address bytea, disabled bool, evm_chain_id numeric)",
            f"INSERT INTO evm_key_states VALUES (1, '\\x{NODE[2:]}', false, 51)",
        )  # fmt: skip
        source = only(
            balance.build(config([anvil.url], accounts=[], keys={"plugin": {"dsn_file": str(dsn)}}))
        )
        looks = [look(source)]
        server.kill9()
        looks += [look(source), look(source)]
        server.start()
        looks.append(look(source))
        server.execute("plugin", "DROP TABLE evm_key_states")
        looks.append(look(source))
        source.close()

    assert all(("evm_account_balance", "plugin", "XDC") in found for found in looks)
    assert [found["evm_account_keys_known",] for found in looks] == [1, 0, 0, 1, 0]
    assert len(caplog.messages) == 2, "each time once"


def test_a_password_in_a_dsn_is_never_told(
    anvil: Anvil, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    dsn = tmp_path / "dsn"
    for text in (
        "postgresql://u:hiddenpw@127.0.0.1:port/x",
        "hiddenpw",
        "postgresql://u:hiddenpw@127.0.0.1:9/x",
    ):
        dsn.write_text(text)
        found = looked(config([anvil.url], accounts=[], keys={"plugin": {"dsn_file": str(dsn)}}))
        assert found == {("evm_account_keys_known",): 0}

    assert len(caplog.messages) == 3
    assert "hiddenpw" not in caplog.text


def list_of(asked: Config) -> list[Sample]:
    source = only(balance.build(asked))
    try:
        return list(source.observe(0.0))
    finally:
        source.close()


def test_web3_is_imported_only_for_balances() -> None:
    code = (
        "import sys\nfrom exporter.collectors import COLLECTORS\nfrom exporter.config import Config\n"
        "n = {'chain_id': 1, 'rpc': ['http://h']}\n"
        "def built(**more):\n"
        "    config = Config.model_validate({'networks': {'x': {**n, **more}}})\n"
        "    [m.build(config) for m in COLLECTORS]\n"
        "    return 'web3' in sys.modules\n"
        "print(built(), built(accounts=[{'name': 'a', 'address': '0x' + '1' * 40}]))\n"
    )
    ended = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)

    assert ended.stdout == "False True\n"


def test_health_of_live_lagging_foreign_hung_and_dead_endpoints(
    anvil: Anvil, other: Anvil, silent: str, tmp_path: Path
) -> None:
    for server in (anvil, other):
        server.mine()
    names = ("good", "old", "foreign", "hung", "dead")
    with Anvil(tmp_path, "foreign", chain_id=1) as foreign, Anvil(tmp_path, "old") as old:
        old.call("evm_setNextBlockTimestamp", int(time.time()) + 10**6)
        ahead = int(anvil.call("eth_getBlockByNumber", "latest", False)["timestamp"], 16)
        urls = (anvil.url, old.url, foreign.url, silent, "http://127.0.0.1:9")
        endpoints = [{"name": name, "url": url} for name, url in zip(names, urls, strict=True)]
        asked = config(endpoints, timeout="300ms", accounts=[])
        store = Store()
        sources = rpc.build(asked)
        Scheduler(sources, store).look_once()
        started = int(old.call("eth_getBlockByNumber", "latest", False)["timestamp"], 16)
    for source in sources:
        source.close()

    derived = list(rpc.derive(asked, store.records(), time.time()))
    samples = [sample for record in store.records() if record.good for sample in record.good.samples]

    assert of(derived, rpc.UP) == {"good": 1, "old": 1, "foreign": 1, "hung": 0, "dead": 0}
    assert of(samples, rpc.MISMATCH) == {"good": 0, "old": 0, "foreign": 1}
    assert of(samples, rpc.NUMBER)["good"] == anvil.height()
    assert of(samples, rpc.AGE)["good"] == ahead
    lag = of(derived, rpc.LAG)
    assert set(lag) == {"good", "old"}, "a foreign chain's head is no measure"
    assert lag["good"] == 0
    assert lag["old"] == pytest.approx(ahead - started, abs=2)


def test_a_websocket_brings_new_heads_until_it_is_lost_and_again_afterwards(tmp_path: Path) -> None:
    server = Anvil(tmp_path, "sockets")
    with server:
        asked = config([{"name": "a", "url": server.url, "ws": server.ws}], timeout="500ms", accounts=[])
        (source,) = [one for one in rpc.build(asked) if one.probe == "rpc_ws"]
        ages = [look_age(source, 100.0), look_age(source, 110.0)]
        server.mine()
        time.sleep(0.2)
        ages.append(look_age(source, 120.0))
        server.kill9()
        with pytest.raises(CollectorError) as lost:
            for _ in range(100):  # word of the end may take a moment on a busy machine
                look_age(source, 130.0)
                time.sleep(0.05)
        with pytest.raises(CollectorError) as refused:
            look_age(source, 140.0)
        server.start()
        ages.append(look_age(source, 150.0))
        source.close()

    assert ages == [100.0, 100.0, 120.0, 150.0], "since the subscription began, then since the new head"
    assert (lost.value.reason, refused.value.reason) == ("closed", "refused")


def look_age(source: Source, now: float) -> float:
    (sample,) = source.observe(now)
    return sample.value


def test_an_endpoint_that_stops_answering_is_down_at_the_next_look(tmp_path: Path) -> None:
    with Anvil(tmp_path, "stopped") as server:
        asked = config([server.url], timeout="300ms", accounts=[])
        source = only(rpc.build(asked))
        assert list(source.observe(0.0))
        server.hang()
        with pytest.raises(CollectorError) as caught:
            source.observe(0.0)
        source.close()

    assert caught.value.reason == "timeout"


def test_a_look_that_is_too_old_measures_nobody() -> None:
    old = Observation(
        "rpc", "xdc/a", 0.0, 0.1, (rpc.MISMATCH.sample(0, "xdc", "a"), rpc.AGE.sample(-5, "xdc", "a"))
    )

    assert rpc.head_age(old) == 5
    assert rpc.head_age(None) is None
