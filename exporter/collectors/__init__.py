"""What the exporter can collect. Add your module to COLLECTORS, one line."""

from exporter.collector import CollectorModule
from exporter.collectors import groups, nodeos, peers, production

COLLECTORS: tuple[CollectorModule, ...] = (nodeos, peers, production, groups)
