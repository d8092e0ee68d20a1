"""What exporter.yml may say: the parts are in exporter/configs, one file a domain."""

import socket
from pathlib import Path
from typing import Self

from pydantic import Field, ValidationError, model_validator
from pydantic_core import InitErrorDetails

from exporter.configs.chains import Chain
from exporter.configs.logs import Log
from exporter.configs.networks import Network
from exporter.configs.oracle import Oracle
from exporter.configs.services import Service
from nodekit.settings import Settings
from nodekit.words import Listen, Name, problem

DEFAULT_LISTEN = "127.0.0.1:19188"


class Config(Settings):
    """The whole of exporter.yml."""

    listen: Listen = DEFAULT_LISTEN
    """Where metrics are served."""
    state_dir: Path | None = None
    """Folder in which counters survive a restart; they begin anew each time when left out."""
    host: Name = Field(default_factory=socket.gethostname)
    """This host's name, the label `host` of its services; as agent.yml names it."""
    chains: dict[str, Chain] = Field(default_factory=dict)
    networks: dict[Name, Network] = Field(default_factory=dict)
    oracles: dict[Name, Oracle] = Field(default_factory=dict)
    services: dict[Name, Service] = Field(default_factory=dict)
    """Services of this host; the key becomes the label `service`."""
    logs: dict[Name, Log] = Field(default_factory=dict)
    """Logs in which lines are looked for."""

    @model_validator(mode="after")
    def _names_differ(self) -> Self:
        seen: dict[str, str] = {}
        problems: list[InitErrorDetails] = []
        for chain, settings in self.chains.items():
            for node in settings.nodes:
                if node in seen:
                    text = "is the name of a node of chain {first} already; rename one of them"
                    problems.append(problem(("chains", chain, "nodes", node), text, {"first": seen[node]}))
                seen.setdefault(node, chain)
        if problems:
            raise ValidationError.from_exception_data("chains", problems)
        return self
