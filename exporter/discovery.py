"""Nodes from files in the form of Prometheus's file_sd: lists of targets with labels, read again when
they change.

    - targets: [http://10.0.0.1:8888, http://10.0.0.2:8888]
      labels: {role: B, group: eosstorebest}

A label `node` names a single target; otherwise it is called by its host and port.
"""

import json
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from urllib.parse import urlsplit

import yaml
from pydantic import ValidationError

from exporter.config import Config
from exporter.configs.chains import Node
from nodekit.settings import ConfigError

KNOWN = ("role", "group", "starts_paused", "timeout", "producer_url", "net_url", "db_url")
"""Labels that become options of the node; labels that begin with `__` and others are left alone."""


def files(config: Config, folder: Path) -> Iterator[tuple[str, Path]]:
    """Chain and file, in order; patterns are relative to the configuration's folder."""
    for name, chain in config.chains.items():
        for pattern in chain.nodes_files:
            path = Path(pattern)
            base = path.parent if path.is_absolute() else folder / path.parent
            for found in sorted(base.glob(path.name)):
                yield name, found


def stamp(config: Config, folder: Path) -> tuple[tuple[str, float], ...]:
    """What changes when a file does, comes or goes; one that goes while it is looked at is gone."""
    found = []
    for _, path in files(config, folder):
        with suppress(OSError):
            found.append((str(path), path.stat().st_mtime))
    return tuple(found)


def expanded(config: Config, folder: Path) -> Config:
    """The configuration with the nodes of all files. Raises ConfigError that names the file."""
    chains = dict(config.chains)
    taken = {name for chain in chains.values() for name in chain.nodes}
    for name, path in files(config, folder):
        chain = chains[name]
        found = dict(_nodes(path))
        for node_name, node in found.items():
            if node_name in taken:
                raise ConfigError([f"{path}: {node_name}: is the name of another node already"])
            if node.group is not None and node.group not in chain.producers:
                raise ConfigError([f"{path}: {node_name}: {node.group} is not among the chain's producers"])
        taken |= set(found)
        chains[name] = chain.model_copy(update={"nodes": {**chain.nodes, **found}})
    return config.model_copy(update={"chains": chains})


def _nodes(path: Path) -> Iterator[tuple[str, Node]]:
    try:
        text = path.read_text(encoding="utf-8")
        groups = json.loads(text) if path.suffix == ".json" else yaml.safe_load(text)
    except (OSError, ValueError, yaml.YAMLError) as error:
        raise ConfigError([f"{path}: is no list of targets: {error}"]) from None
    if not isinstance(groups, list):
        raise ConfigError([f"{path}: write a list of {{targets: [...], labels: {{...}}}}"])
    for number, group in enumerate(groups):
        targets = group.get("targets") if isinstance(group, dict) else None
        if not isinstance(targets, list) or not all(isinstance(target, str) for target in targets):
            raise ConfigError([f"{path}: {number}.targets: write a list of addresses"])
        labels = group.get("labels") or {}
        if not isinstance(labels, dict):
            raise ConfigError([f"{path}: {number}.labels: write names and values"])
        for target in targets:
            url = target if "://" in target else f"http://{target}"
            name = labels.get("node") if len(targets) == 1 else None
            options = {key: labels[key] for key in KNOWN if key in labels}
            try:
                node = Node.model_validate({"url": url, **options})
            except ValidationError as error:
                first = error.errors()[0]
                where = ".".join(str(part) for part in first["loc"])
                raise ConfigError([f"{path}: {target}: {where}: {first['msg']}"]) from None
            yield str(name or urlsplit(url).netloc), node
