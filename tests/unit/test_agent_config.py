"""agent.yml, and lua-collectd-monitor's own config."""

import json
from pathlib import Path

import pytest

from actuator.agent.config import read
from actuator.agent.journal import Journal, JournalError
from actuator.agent.startfence import config_folder, in_arguments, in_config
from nodekit.settings import ConfigError

LEAST = """
host: h1
topics: {command: cmd/h1, result: res/h1}
journal: agent.db
"""
ORIGINAL = {
    "Host": "10.0.0.5:1884",
    "User": "agent",
    "Password": "agentpw",
    "Secure": False,
    "CleanSession": False,
    "QoS": 2,
    "ReconnectInterval": 5,
    "CommandTopic": "test-topic",
    "CommandResultTopic": "test-result-topic",
    "Services": {"hello": {"commands": {"exec": "echo Hello World!"}}, "empty": {}},
}


def wrong(tmp_path: Path, text: str) -> str:
    path = tmp_path / "agent.yml"
    path.write_text(text)
    with pytest.raises(ConfigError) as error:
        read(path)
    return str(error.value)


def test_the_originals_config_is_read_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "monitor-config.json"
    path.write_text(json.dumps(ORIGINAL))

    config = read(path)

    assert (config.mqtt.host, config.mqtt.port, config.mqtt.username) == ("10.0.0.5", 1884, "agent")
    assert config.mqtt.password_file is not None
    assert config.mqtt.password_file.reveal() == "agentpw"
    assert "agentpw" not in repr(config)
    program = config.services["hello"].commands["exec"]
    assert program.words == ("/bin/sh", "-c", "echo Hello World!")
    assert not program.errors, "the original gives standard output only"
    assert "empty" not in config.services
    assert not config.check_host, "it has no name of its own: the topic says which host is meant"


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("[]", "no config of lua"),
        ("{", "no JSON"),
        ('{"CommandTopic":"a"}', "CommandResultTopic: is missing"),
    ],
)
def test_a_wrong_config_of_the_original_is_refused_with_the_member(
    tmp_path: Path, text: str, told: str
) -> None:
    path = tmp_path / "config.json"
    path.write_text(text)

    with pytest.raises(ConfigError, match=told):
        read(path)


@pytest.mark.parametrize(
    ("more", "told"),
    [
        ("services: {agent: {commands: {x: [t]}}}", "offered by the agent itself"),
        ("services: {s: {commands: {x: {argv: [a], shell: b}}}}", "either `argv`"),
        ("services: {s: {commands: {x: {}}}}", "either `argv`"),
        ("topics: {command: a/#, result: b}", "no `#`"),
        ("nodeos: {a: {url: 'http://127.0.0.1:1', group: g}}\nservices: {a: {commands: {x: [t]}}}", "rename"),
        ("servces: {}", "did you mean `services`"),
    ],
)
def test_a_wrong_agent_yml_says_what_to_write(tmp_path: Path, more: str, told: str) -> None:
    text = (
        LEAST
        if not more.startswith("topics")
        else LEAST.replace("topics: {command: cmd/h1, result: res/h1}", "")
    )

    assert told in wrong(tmp_path, text + more + "\n")


def test_the_shipped_agent_yml_is_valid() -> None:
    assert read(Path(__file__).parents[2] / "config" / "agent.yml").services


def test_a_start_fence_is_found_where_nodeos_reads_it() -> None:
    assert in_config("pause-on-startup = true\n")
    assert in_config("pause-on-startup=false\n pause-on-startup = 1 # comment\n")
    assert not in_config("# pause-on-startup = true\n")
    assert not in_config("pause-on-startup = false\n")
    assert in_arguments(["nodeos", "-x"])
    assert in_arguments(["nodeos", "--pause-on-startup"])
    assert not in_arguments(["-x"]), "that is a program's name"
    assert str(config_folder(["nodeos", "--config-dir", "/etc/nodeos"])) == "/etc/nodeos"
    assert str(config_folder(["nodeos", "--config-dir=/a"])) == "/a"
    assert config_folder(["nodeos"]) is None


def test_a_second_agent_is_told_that_the_first_one_runs(tmp_path: Path) -> None:
    first = Journal(tmp_path / "agent.db")

    with pytest.raises(JournalError, match="another agent runs with it"):
        Journal(tmp_path / "agent.db")

    first.close()
    Journal(tmp_path / "agent.db").close()
