"""What the quick starts say is typed as it stands there; only addresses are those of this machine's servers.

Blocks marked `root` install Debian packages and restart services: they are not typed here.
"""

import os
import re
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from lab.anvil import Anvil
from lab.binaries import CHECKOUT
from lab.chain import Chain
from lab.mosquitto import Mosquitto
from lab.oracle import Node
from lab.ports import free_port
from lab.postgres import Postgres
from lab.slack import Slack

PAGES = CHECKOUT / "docs" / "quickstart"
BLOCK = re.compile(r"^```(\w+)([^\n]*)\n(.*?)^```$", re.M | re.S)
LIMIT = 60.0
"""Seconds that one page may take; the programs need about six."""


DAEMON = """
import os, pathlib, socket, sys, time
if os.fork():
    sys.exit()
os.setsid()
pathlib.Path(sys.argv[2]).write_text(str(os.getpid()))
server = socket.create_server(("127.0.0.1", int(sys.argv[1])))
time.sleep(60)
"""
"""Stands for nginx: goes into the background, listens, and says which process it is."""


class Reader:
    """Somebody who does what a page says, in an empty folder."""

    def __init__(self, page: str, folder: Path, slack: Slack, instead: Mapping[str, str]) -> None:
        text = (PAGES / page).read_text(encoding="utf-8")
        ports = {"19188": str(free_port()), "19189": str(free_port())}
        for written, ours in (*instead.items(), *ports.items()):
            assert written in text, f"{page} says nothing of {written} any more"
            text = text.replace(written, ours)
        self.blocks = [(kind, rest.strip(), content) for kind, rest, content in BLOCK.findall(text)]
        self.folder = folder
        self.environment = {
            "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
            "CHAINWARDEN_URL": f"http://127.0.0.1:{ports['19189']}",
        }
        (folder / "slack_webhook").write_text(slack.webhook_url)

    def of(self, kind: str) -> list[str]:
        """The blocks in a language that a reader without root uses."""
        return [content for found, rest, content in self.blocks if found == kind and rest != "root"]

    def types(self, *more: str) -> str:
        """Save the files, type all commands and `more` in one shell; what is shown then. All of it ends then."""
        for kind, rest, content in self.blocks:
            if kind == "yaml":
                (self.folder / rest).write_text(content)
        lines = ["set -eu", "trap 'kill $(jobs -p) 2>/dev/null; wait' EXIT", *self.of("sh"), *more]
        shell = subprocess.run(
            ["bash", "-o", "pipefail", "-c", "\n".join(lines)], cwd=self.folder, env=self.environment,
            capture_output=True, text=True, timeout=LIMIT, check=False,
        )  # fmt: skip
        assert shell.returncode == 0, shell.stdout + shell.stderr
        return shell.stdout


def test_the_producers_quick_start_ends_with_its_nodes_watched(
    tmp_path: Path, chain: Chain, slack: Slack
) -> None:
    reader = Reader(
        "producer.md", tmp_path, slack,
        {
            "http://10.0.0.1:8888": chain["A"].url,
            "http://10.0.0.2:8888": chain["B"].url,
            "http://10.0.0.9:8888": chain.world.url,
        },
    )  # fmt: skip

    shown = reader.types()

    for node, paused in (("tokyo", "0.0"), ("singapore", "1.0")):
        assert re.search(rf'^antelope_head_block_number{{node="{node}"}} \d', shown, re.M)
        assert f'antelope_production_paused{{node="{node}"}} {paused}' in shown
    assert "ops: delivered to Slack (ops)" in shown
    assert "automation shadow" in shown
    assert "tokyo" in shown.rpartition("automation shadow")[2]
    assert len(slack.messages) == 1


def test_the_oracles_quick_start_ends_with_its_jobs_and_its_money_watched(
    tmp_path: Path, slack: Slack
) -> None:
    with Postgres(tmp_path / "postgres") as server, Anvil(tmp_path / "anvil", chain_id=50) as network:
        node = Node(server, "plugin_mainnet_db", "G3")
        node.job(1, "BTC/USD", idle=3600)
        node.run(1, age=60)
        token = network.deploy_token(10**21)
        (tmp_path / "node.log").touch()
        reader = Reader(
            "oracle.md", tmp_path, slack,
            {
                "127.0.0.1:5432": f"127.0.0.1:{server.port}",
                "ROLE chainwarden ": "ROLE reader ",  # the lab's superuser has that name
                "TO chainwarden;": "TO reader;",
                "//chainwarden:": "//reader:",
                "/home/plugin/.pm2/logs/NodeStartPM2-error.log": f"{tmp_path}/node.log",
                "[https://erpc.xinfin.network, https://rpc.primenumbers.xyz]": f"[{network.url}]",
                "xdcff7412ea7c8445c46a8254dfb557ac1e48094391": f"xdc{token[2:]}",
                "xdc0000000000000000000000000000000000000001": f"xdc{network.accounts[0][2:]}",
            },
        )  # fmt: skip
        node.sql(*reader.of("sql"))

        shown = reader.types()

    assert 'oracle_job_info{job_id="1",job_name="BTC/USD",kind="fluxmonitor",oracle="plugin"} 1.0' in shown
    assert 'oracle_part_readable{oracle="plugin",part="errors"} 1.0' in shown
    assert 'logfile_info{file="node.log",log="plugin"} 1.0' in shown
    assert re.search(r'^evm_account_balance{.*asset="PLI".*} \d', shown, re.M)
    assert "oracle_part_readable{" in shown and not re.search(r"^oracle_part_readable.* 0\.0$", shown, re.M)
    assert len(slack.messages) == 1


def test_the_services_quick_start_ends_with_a_service_that_the_agent_restarts(
    tmp_path: Path, slack: Slack
) -> None:
    port = free_port()
    (tmp_path / "daemon.py").write_text(DAEMON)
    pid = tmp_path / "pid"
    start = [sys.executable, str(tmp_path / "daemon.py"), str(port), str(pid)]
    stop = ["sh", "-c", f"kill $(cat {pid})"]
    subprocess.run(start, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        with Mosquitto(tmp_path / "mosquitto") as broker:
            reader = Reader(
                "services.md", tmp_path, slack,
                {
                    "[systemctl, start, nginx]": str(start),
                    "[systemctl, stop, nginx]": str(stop),
                    "nginx: master": f"daemon[.]py {port}",  # the shell that types this does not match
                    "127.0.0.1:80": f"127.0.0.1:{port}",
                    "1883": str(broker.port),
                    "19190": str(free_port()),
                },
            )  # fmt: skip

            shown = reader.types(
                f"kill -9 $(cat {pid}); sleep 2; echo after its death",
                "chainwarden send-command beijing nginx status",
            )
    finally:
        subprocess.run(stop, check=False)

    assert 'service_up{host="beijing",service="nginx"} 1.0' in shown
    assert "nginx" in shown.rpartition("ops: delivered to Slack (ops)")[2]
    assert "running" in shown.rpartition("after its death")[2]
    assert len(slack.messages) == 1
