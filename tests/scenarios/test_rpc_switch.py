"""`rpc_switch` on real endpoints: which one it takes, what it keeps, and what `kill -9` leaves."""

import fcntl
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from actuator.agent.builtin import Outcome
from actuator.agent.rpc_switch.config import RpcSwitch
from actuator.agent.rpc_switch.service import RpcSwitchService
from lab.anvil import Anvil
from nodekit.settings import load

ROOT = Path(__file__).resolve().parents[2]
DEAD = ("http://127.0.0.1:9", "ws://127.0.0.1:9")
RESTARTS = """\
echo restarted >> {folder}/restarts
{{ echo started; cat {folder}/says 2>/dev/null; echo synced; }} >> {folder}/node.log
"""


@dataclass(frozen=True)
class Chains:
    """One chain in three views, and a foreign one."""

    good: Anvil
    second: Anvil
    stuck: Anvil
    foreign: Anvil


@pytest.fixture(scope="module")
def chains(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Chains]:
    folder = tmp_path_factory.mktemp("chains")
    with (
        Anvil(folder, "good", 50, 0.3) as good, Anvil(folder, "second", 50, 0.3) as second,
        Anvil(folder, "stuck", 50) as stuck, Anvil(folder, "foreign", 1, 0.3) as foreign,
    ):  # fmt: skip
        yield Chains(good, second, stuck, foreign)


class Node:
    """A node's config and log, and a restart program that writes down that it ran."""

    def __init__(self, folder: Path, candidates: Mapping[str, tuple[str, str]], **more: Any) -> None:
        self.folder = folder
        self.file = folder / "config.toml"
        self.file.write_text(
            "# mine\n[[EVM]]\nChainID = '50'\n[[EVM.Nodes]]\nName = 'primary'\n"
            f"WSURL = '{DEAD[1]}'  # ws\nHTTPURL = '{DEAD[0]}/v1/hiddenkey'  # http\n"
        )
        self.before = self.file.read_text()
        restart = folder / "restart.sh"
        restart.write_text(RESTARTS.format(folder=folder))
        self.settings = folder / "switch.yml"
        settings = {
            "node_config": str(self.file), "chain_id": 50, "state": str(folder / "state"),
            "restart": ["sh", str(restart)], "timeout": "500ms", "new_head_within": "1500ms", "max_lag": 10**6,
            "candidates": [{"name": name, "http": http, "ws": ws} for name, (http, ws) in candidates.items()],
            "success": {"command": ["true"], "within": "2s", "every": "100ms"}, **more,
        }  # fmt: skip
        self.settings.write_text(yaml.safe_dump(settings))

    def run(self, command: str = "switch", now: float = 1e9, stop: threading.Event | None = None) -> Outcome:
        service = RpcSwitchService(load(self.settings, RpcSwitch), lambda: now)
        return service.run(command, {}, stop or threading.Event())

    def has(self, server: Anvil) -> bool:
        """Whether the file is the old one with this server's addresses, and nothing else changed."""
        wanted = self.before.replace(DEAD[0] + "/v1/hiddenkey", server.url).replace(DEAD[1], server.ws)
        return self.file.read_text() == wanted

    @property
    def untouched(self) -> bool:
        return self.file.read_text() == self.before

    @property
    def restarts(self) -> int:
        path = self.folder / "restarts"
        return path.read_text().count("restarted") if path.exists() else 0


def of(server: Anvil) -> tuple[str, str]:
    return server.url, server.ws


def test_the_first_healthy_candidate_is_taken_and_dead_foreign_or_stuck_ones_never(
    tmp_path: Path, chains: Chains
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as hung:
        port = hung.getsockname()[1]
        node = Node(tmp_path, {
            "dead": DEAD, "hung": (f"http://127.0.0.1:{port}", f"ws://127.0.0.1:{port}"), "foreign": of(chains.foreign),
            "stuck": of(chains.stuck), "half": (chains.good.url, chains.stuck.ws), "good": of(chains.good),
            "second": of(chains.second),
        })  # fmt: skip
        outcome = node.run()

    assert outcome == Outcome(0, "switched 127.0.0.1:9 → good: the node works")
    assert node.has(chains.good)
    assert node.restarts == 1


def test_when_no_candidate_is_healthy_the_file_stays_and_nothing_is_restarted(
    tmp_path: Path, chains: Chains
) -> None:
    node = Node(tmp_path, {"dead": DEAD, "foreign": of(chains.foreign), "stuck": of(chains.stuck)})

    outcome = node.run()

    assert outcome.code == 1
    assert "foreign: serves chain 1, not 50; stuck: brought no new block over HTTP" in outcome.output
    assert "hiddenkey" not in outcome.output
    assert node.untouched and node.restarts == 0


def test_a_switch_that_helps_nothing_is_taken_back_after_all_tries(tmp_path: Path, chains: Chains) -> None:
    success = {"command": ["sh", "-c", "echo no round; false"], "within": "400ms", "every": "100ms"}
    node = Node(tmp_path, {"good": of(chains.good), "second": of(chains.second)}, success=success)

    outcome = node.run()

    assert outcome.code == 1
    assert "good: the success command ended with 1: no round" in outcome.output
    assert "second: the success" in outcome.output
    assert outcome.output.endswith("127.0.0.1:9 is back: restarted")
    assert node.untouched and node.restarts == 3
    assert "good (1.0)" in node.run("status").output, "both are on probation now"


def test_a_log_with_errors_takes_the_switch_back_and_a_quiet_one_does_not(
    tmp_path: Path, chains: Chains
) -> None:
    success = {
        "log": str(tmp_path / "node.log"),
        "errors": ["No live RPC nodes"],
        "quiet": "600ms",
        "within": "2s",
    }
    node = Node(tmp_path, {"good": of(chains.good)}, success=success)
    stop, log = threading.Event(), tmp_path / "node.log"
    noise = threading.Thread(target=_write, args=(log, b"[ERROR] No live RPC nodes available\n", stop))
    noise.start()
    noisy = node.run()
    stop.set()
    noise.join()
    stop.clear()
    noise = threading.Thread(target=_write, args=(log, b"[INFO] new head\n", stop))
    noise.start()
    quiet = node.run(now=2e9)
    stop.set()
    noise.join()
    silent = node.run(now=3e9)

    assert noisy.code == 1 and "its log still has errors: [ERROR] No live RPC" in noisy.output
    assert quiet == Outcome(0, "switched 127.0.0.1:9 → good: the node works")
    assert silent == Outcome(0, "kept good: it is healthy, seen from this host")


def _write(log: Path, line: bytes, stop: threading.Event) -> None:
    while not stop.wait(0.1):
        with log.open("ab") as file:
            file.write(line)


def test_one_bad_log_line_never_causes_a_second_switch(tmp_path: Path, chains: Chains) -> None:
    candidates = {"good": of(chains.good), "second": of(chains.second)}
    node = Node(tmp_path, candidates, keep_healthy=False, per_day=2)

    outcomes = [node.run(now=1e9 + after) for after in (0, 5, 599, 601, 1203, 1e5)]

    assert [outcome.code for outcome in outcomes] == [0, 75, 75, 0, 75, 0]
    assert (
        outcomes[1].output == "nothing was switched: the last switch ended 5 s ago; wait until 600 s are over"
    )
    assert outcomes[3].output == "switched good → second: the node works"
    assert outcomes[4].output == "nothing was switched: 2 switches within 24 hours are enough"
    assert node.restarts == 3


def test_a_healthy_endpoint_is_kept(tmp_path: Path, chains: Chains) -> None:
    node = Node(tmp_path, {"good": of(chains.good), "second": of(chains.second)})
    first = node.run()

    assert first.code == 0
    assert node.run(now=2e9).output == "kept good: it is healthy, seen from this host"
    assert node.restarts == 1


def test_a_healthy_http_address_with_a_dead_websocket_is_not_healthy(tmp_path: Path, chains: Chains) -> None:
    node = Node(tmp_path, {"good": of(chains.good), "second": of(chains.second)})
    node.file.write_text(node.before.replace(DEAD[0] + "/v1/hiddenkey", chains.good.url))

    assert node.run().output == "switched good → second: the node works"


def test_a_candidate_without_websocket_is_not_given_to_a_node_that_uses_one(
    tmp_path: Path, chains: Chains
) -> None:
    node = Node(tmp_path, {"good": of(chains.good)})
    text = node.settings.read_text()
    node.settings.write_text("".join(line for line in text.splitlines(True) if chains.good.ws not in line))

    outcome = node.run()

    assert outcome.output.endswith("no candidate is healthy: good: has no `ws`, and the node uses one")
    assert node.untouched


def test_a_change_of_the_file_by_somebody_else_is_never_overwritten(tmp_path: Path, chains: Chains) -> None:
    script = f"echo '# operator' >> {tmp_path}/config.toml; false"
    node = Node(tmp_path, {"good": of(chains.good), "second": of(chains.second)},
                success={"command": ["sh", "-c", script], "within": "100ms", "every": "100ms"})  # fmt: skip

    outcome = node.run()

    assert outcome.code == 1 and "somebody else changed" in outcome.output
    assert "# operator" in node.file.read_text()


def test_an_interrupted_verification_is_gone_on_with(tmp_path: Path, chains: Chains) -> None:
    node = Node(tmp_path, {"good": of(chains.good)}, success={"command": ["false"], "within": "1m"})
    stop = threading.Event()
    threading.Timer(1.5, stop.set).start()
    first = node.run(stop=stop)
    node.settings.write_text(
        node.settings.read_text().replace("'false'", "'true'").replace("- 'false'", "- 'true'")
    )

    second = node.run()

    assert "the next start or command goes on" in first.output
    assert "unfinished" not in second.output
    assert second == Outcome(0, "finished the interrupted switch 127.0.0.1:9 → good: the node works")
    assert node.has(chains.good)


def test_a_second_switch_at_the_same_time_is_refused(tmp_path: Path, chains: Chains) -> None:
    node = Node(tmp_path, {"good": of(chains.good)})
    with (tmp_path / ".state.lock").open("wb") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        refused = node.run()

    assert refused == Outcome(75, "nothing was switched: another switch of this node is running")
    assert node.run().code == 0


def test_the_command_tells_and_exits_with_what_happened(tmp_path: Path, chains: Chains) -> None:
    node = Node(tmp_path, {"good": of(chains.good)})

    def command(word: str) -> tuple[int, str]:
        program = [sys.executable, "-m", "actuator.agent.rpc_switch", "--config.file", node.settings, word]
        ended = subprocess.run(program, cwd=ROOT, capture_output=True, text=True, check=False)
        assert not ended.stderr
        return ended.returncode, ended.stdout

    assert command("switch") == (0, "switched 127.0.0.1:9 → good: the node works\n")
    assert command("switch")[0] == 75
    assert command("status") == (
        0,
        "endpoint: good\non probation: 127.0.0.1:9 (1.0)\nswitches within 24 h: 1 of 6\n"
        "last: switched 127.0.0.1:9 → good: the node works\n",
    )


@pytest.fixture(scope="module")
def mortals() -> Iterator["subprocess.Popen[str]"]:
    """Makes processes that kill themselves."""
    program = [sys.executable, "-m", "tests.scenarios.switching_node"]
    with subprocess.Popen(
        program, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        yield process
        process.communicate()


@pytest.mark.parametrize("works", [True, False])
def test_kill_9_at_any_step_leaves_a_whole_file_and_the_next_start_finishes_or_reverts(
    tmp_path: Path, chains: Chains, mortals: "subprocess.Popen[str]", works: bool
) -> None:
    assert mortals.stdin is not None and mortals.stdout is not None
    deadly, ended = 0, False
    while not ended:
        deadly += 1
        folder = tmp_path / str(deadly)
        folder.mkdir()
        success = {"command": ["true" if works else "false"], "within": "1ms", "every": "100ms"}
        node = Node(folder, {"good": of(chains.good)}, success=success)
        mortals.stdin.write(f"{node.settings} {deadly}\n")
        mortals.stdin.flush()
        ended = int(mortals.stdout.readline()) == 0
        assert node.untouched or node.has(chains.good), f"after step {deadly}"
        outcome = node.run()
        assert node.has(chains.good) if works else node.untouched, f"{deadly}: {outcome}"
        assert "unfinished" not in node.run("status").output
        assert [path.name for path in folder.glob(".*.chainwarden-new")] == [], "no half file is left"

    assert deadly > (11 if works else 20), "the steps were found"
