"""What agent.yml may say, and how the original's JSON config is read as one."""

import json
import socket
from pathlib import Path
from typing import Annotated, Any, Self

from pydantic import BeforeValidator, Field, model_validator
from pydantic_core import PydanticCustomError

from actuator.agent.replace.config import Replace
from actuator.agent.rpc_switch.config import RpcSwitch
from actuator.agent.watch.config import Daemon, order
from actuator.configs.auth import Operator
from actuator.remote.broker import Broker, Tls
from nodekit.finding import Expression
from nodekit.processes import Target
from nodekit.regex import Regex
from nodekit.settings import ConfigError, Duration, Secret, Settings, load
from nodekit.words import HttpUrl, Listen, Name, NodeUrl, Time

DEFAULT_LISTEN = "127.0.0.1:19190"
RESERVED = ("agent", "config")
"""Services that the agent itself offers."""


def _bare(value: object) -> object:
    return {"argv": value} if isinstance(value, list) else value


class Program(Settings):
    """One program that a command runs; nothing of a message gets into it."""

    argv: tuple[str, ...] = ()
    """The program and its arguments; started without a shell."""
    shell: str | None = None
    """A line for /bin/sh instead, for what needs pipes or variables."""
    timeout: Time | None = None
    """Instead of the service's."""
    errors: bool = True
    """Whether what it writes to standard error is part of the result."""

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        if bool(self.argv) == (self.shell is not None):
            raise PydanticCustomError("program", "write either `argv` (a list of words) or `shell` (a line)")
        return self

    @property
    def words(self) -> tuple[str, ...]:
        """The argv to start."""
        return self.argv if self.shell is None else ("/bin/sh", "-c", self.shell)


Command = Annotated[Program, BeforeValidator(_bare)]
"""A Program; a bare list is its argv."""


class Service(Settings):
    """Commands that may be run for one service."""

    commands: dict[Name, Command]
    timeout: Time = 60.0
    """How long a command may take; then it gets TERM, and KILL 5 s later."""
    parallel: int = Field(1, ge=1, le=256)
    """Commands of this service that may run at the same time."""


class Sender(Settings):
    """Somebody whose commands are obeyed."""

    key_file: Secret
    """What it signs with (HMAC-SHA256)."""


class Topics(Settings):
    """Where commands come from and results go to; one pair a host."""

    command: str = Field(min_length=1)
    """Where commands come from."""
    result: str = Field(min_length=1)
    """Where results go."""
    status: str | None = None
    """Birth, heartbeat and last will; `<result>/status` when left out."""

    @model_validator(mode="after")
    def _plain(self) -> Self:
        for topic in (self.command, self.result, self.status or "x"):
            if "#" in topic or "+" in topic:
                raise PydanticCustomError("topic", "a topic of the agent holds no `#` or `+`")
        if self.command == self.result:
            raise PydanticCustomError("topic", "`command` and `result` must be different topics")
        return self


class Node(Settings):
    """A nodeos on this host that may be paused, resumed and proven stopped."""

    url: HttpUrl
    """Where its API is."""
    write_url: NodeUrl | None = None
    """Where pause and resume are served, when not at `url`."""
    group: Name
    """The failover group that it is a member of."""
    name: Name | None = None
    """Its name in the failover group; the key in this file when left out."""
    match: Expression | None = None
    """Regular expression over the command line of its process."""
    config_dir: Path | None = None
    """Where its config.ini is, to see `pause-on-startup`; read from the command line when left out."""
    unit: str | None = None
    """Its systemd unit, shown in `status`."""

    @property
    def target(self) -> Target:
        """What to look for; nothing without `match`."""
        return Target(match=None if self.match is None else Regex(self.match))


class Config(Settings):
    """The whole of agent.yml."""

    host: Name = Field(default_factory=socket.gethostname)
    """This host's name, in messages and as client id."""
    mqtt: Broker = Broker()
    topics: Topics
    journal: Path
    """What was commanded and what became of it."""
    output_dir: Path | None = None
    """Where whole outputs are kept; `<journal>.output` when left out."""
    retention: Duration = 30 * 86400.0
    """How long a command is remembered: within this time it never runs twice."""
    keep_output: int = Field(16 << 20, ge=4096)
    """Bytes of one command's output that are kept on this host."""
    parallel: int = Field(32, ge=1, le=1024)
    """Commands that may run at the same time, of all services."""
    queue: int = Field(1000, ge=1)
    """Commands that may wait."""
    heartbeat: Time = 15.0
    """Time between status messages."""
    listen: Listen = DEFAULT_LISTEN
    """Where its metrics and the page of its services are served."""
    operators: dict[Name, Operator] = Field(default_factory=dict)
    """Who may press the buttons of that page; without any it has none."""
    senders: dict[Name, Sender] = Field(default_factory=dict)
    """When any is named, only signed commands of these are obeyed."""
    require_expiry: bool = False
    """Whether a command without `expires_at` is refused."""
    check_host: bool = True
    """Whether a command that names another host is refused; not with lua-collectd-monitor's config."""
    require_host: bool = False
    """Whether a command must name this host."""
    services: dict[Name, Service] = Field(default_factory=dict)
    daemons: dict[Name, Daemon] = Field(default_factory=dict)
    """Each is a service with the commands start, stop, restart, status."""
    nodeos: dict[Name, Node] = Field(default_factory=dict)
    replace: Replace | None = None
    """A daemon whose configuration may be replaced: what messages with `config` are for."""
    rpc_switch: dict[Name, RpcSwitch] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _names_differ(self) -> Self:
        seen: dict[str, str] = dict.fromkeys(RESERVED, "the agent itself")
        for kind, names in (
            ("services", self.services), ("daemons", self.daemons), ("nodeos", self.nodeos),
            ("rpc_switch", self.rpc_switch),
        ):  # fmt: skip
            for name in names:
                if name in seen:
                    raise PydanticCustomError(
                        "twice", "{kind}.{name}: the service {name} is offered by {other} already; rename it",
                        {"kind": kind, "name": name, "other": seen[name]},
                    )  # fmt: skip
                seen[name] = kind
        for name, daemon in self.daemons.items():
            if daemon.producer is not None and daemon.producer not in self.nodeos:
                raise PydanticCustomError(
                    "producer", "daemons.{name}: `producer` {producer} is not among `nodeos`",
                    {"name": name, "producer": daemon.producer},
                )  # fmt: skip
        try:
            order(self.daemons)
        except ValueError as error:
            raise PydanticCustomError("depends_on", "{why}", {"why": str(error)}) from None
        return self


def read(path: Path, listen: str | None = None) -> Config:
    """agent.yml, or lua-collectd-monitor's JSON config; `listen` instead of the file's.

    Raises ConfigError.
    """
    instead = {} if listen is None else {"listen": listen}
    if path.suffix != ".json":
        return load(path, Config, instead)
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError([f"{path}: {error.strerror}"]) from None
    except ValueError as error:
        line = getattr(error, "lineno", 1)
        raise ConfigError([f"{path}:{line}: no JSON: {error}"]) from None
    return from_original(found, path).model_copy(update=instead)


def targets(config: Config) -> dict[str, Target]:
    """Whatever is looked for on this host, by its place in the file."""
    nodes = {name: node for name, node in config.nodeos.items() if node.match is not None}
    return {
        **{f"daemons.{name}": daemon.target for name, daemon in config.daemons.items()},
        **{f"nodeos.{name}": node.target for name, node in nodes.items()},
        **({} if config.replace is None else {"replace": config.replace.target}),
    }


def from_original(found: Any, path: Path) -> Config:
    """Read lua-collectd-monitor's config: its commands are shell lines, only their standard output counts.

    Raises ConfigError naming the member.
    """
    try:
        host, _, port = str(found.get("Host", "localhost")).partition(":")
        secure = bool(found.get("Secure"))
        broker = Broker(
            host=host, port=int(port or (8883 if secure else 1883)), tls=Tls() if secure else None
        )
        services = {
            name: Service(
                commands={key: Program(shell=line, errors=False) for key, line in value["commands"].items()},
                parallel=32,
            )
            for name, value in (found.get("Services") or {}).items()
            if value.get("commands")
        }
        user, password = found.get("User"), found.get("Password")
        broker = broker.model_copy(
            update={"username": user, "password_file": None if password is None else Plain(password)}
        )
        return Config(
            mqtt=broker,
            topics=Topics(command=found["CommandTopic"], result=found["CommandResultTopic"]),
            journal=path.with_name("chainwarden-agent.db"),
            check_host=False,
            services=services,
        )
    except KeyError as error:
        raise ConfigError([f"{path}: {error.args[0]}: is missing; add it"]) from None
    except (AttributeError, TypeError, ValueError) as error:
        text = " ".join(str(error).split())
        raise ConfigError([f"{path}: this is no config of lua-collectd-monitor: {text}"]) from None


class Plain:
    """A password that stands in the original's config itself."""

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    def reveal(self) -> str:
        """The password."""
        return self._text

    def __repr__(self) -> str:
        return "<secret>"
