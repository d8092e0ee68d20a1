"""What the exporter can collect. Add your module to COLLECTORS, one line."""

from exporter.collector import CollectorModule
from exporter.collectors import (
    apis,
    balance,
    feeds,
    forks,
    groups,
    jobs,
    logfile,
    nodelog,
    nodeos,
    peers,
    production,
    rpc,
    schedule,
    services,
    standby,
)

COLLECTORS: tuple[CollectorModule, ...] = (
    nodeos,
    peers,
    production,
    schedule,
    forks,
    apis,
    groups,
    standby,
    nodelog,
    logfile,
    balance,
    feeds,
    rpc,
    jobs,
    services,
)
