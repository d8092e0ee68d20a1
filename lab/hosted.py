"""A host's agent for all members of a lab chain, and an actuator that goes through it."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from lab.chain import Chain
from lab.fencing import starts_fenced
from lab.mosquitto import Mosquitto
from lab.stack import GROUP, Program

HOST = "h1"
TOPICS = {"command": f"cmd/{HOST}", "result": f"res/{HOST}"}


def members_of(chain: Chain) -> dict[str, Any]:
    """`nodeos` of agent.yml: every member, found by its data folder."""
    return {
        name: {
            "url": node.url, "group": GROUP, "match": re.escape(str(node.dir / "data")),
            "config_dir": str(node.dir / "config"),
        }
        for name, node in chain.members.items()
    }  # fmt: skip


def through_agent(config: dict[str, Any], broker: Mosquitto) -> dict[str, Any]:
    """The same actuator.yml with all pauses and resumes through the agent, whose proof has to do."""
    for node in config["groups"][GROUP]["nodes"]:
        node |= {"via": f"agent:{HOST}", "starts_paused": False}
    return config | {
        "mqtt": {"host": "127.0.0.1", "port": broker.port},
        "hosts": {HOST: {
            "command_topic": TOPICS["command"], "result_topic": TOPICS["result"], "timeout": "20s",
        }},
    }  # fmt: skip


def agent_config(chain: Chain, folder: Path, broker: Mosquitto, **more: object) -> dict[str, Any]:
    """agent.yml of the host of all members; `more` are further keys."""
    return {
        "host": HOST, "mqtt": {"host": "127.0.0.1", "port": broker.port}, "topics": TOPICS,
        "journal": str(folder / "agent.db"), "nodeos": members_of(chain), **more,
    }  # fmt: skip


@contextmanager
def hosted(chain: Chain, folder: Path) -> Iterator[Mosquitto]:
    """A broker, and an agent on the host of all members, whose starts are fenced."""
    with starts_fenced(chain), Mosquitto(folder / "broker") as broker:
        agent = Program(
            "agent", "actuator.agent", folder / "agent", agent_config(chain, folder / "agent", broker)
        )
        with agent:
            yield broker
