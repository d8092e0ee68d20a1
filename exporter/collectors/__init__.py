"""What the exporter can collect. Add your module to COLLECTORS, one line."""

from exporter.collector import CollectorModule
from exporter.collectors import balance, groups, nodeos, peers, production, rpc

COLLECTORS: tuple[CollectorModule, ...] = (nodeos, peers, production, groups, balance, rpc)
