"""The agent's parts, wired; `start` and `stop` once each."""

import logging
import threading
import time
from importlib.metadata import version

from prometheus_client import CollectorRegistry, Info, ProcessCollector

from actuator.agent.admission import Rules
from actuator.agent.builtin import Builtin
from actuator.agent.config import Config
from actuator.agent.dispatcher import Dispatcher
from actuator.agent.journal import Journal, JournalError
from actuator.agent.link import Arrived, Link
from actuator.agent.metrics import Metrics
from actuator.agent.nodeos import NodeService, keep_fence
from actuator.agent.offers import offers, output_folder
from actuator.agent.replace.service import ReplaceService
from actuator.agent.results import CONFIG
from actuator.agent.rpc_switch.service import RpcSwitchService
from actuator.agent.watch.buttons import Buttons
from actuator.agent.watch.metrics import ServiceCollector
from actuator.agent.watch.page import listener
from actuator.agent.watch.service import DaemonService
from actuator.agent.watch.watchdog import Watchdog
from nodekit.webfile import Gate

log = logging.getLogger(__name__)

PATIENCE = 10.0
"""Seconds that running commands have at our end; they are not ended by it."""
TIDY_EVERY = 3600.0


class Agent:
    """One host's hands."""

    def __init__(self, config: Config, gate: Gate | None = None) -> None:
        """Open the journal and build everything; `gate`: of the web file. Raises JournalError, OSError."""
        self.config = config
        self._gate = gate
        self.registry = CollectorRegistry()
        self.metrics = Metrics(self.registry)
        self.journal = Journal(config.journal)
        self._stop = threading.Event()
        self.link = Link(config, self.metrics, self._arrived, self._delivered, time.time)
        self.nodes = {
            name: NodeService(name, node, self.journal, self.metrics.fences.labels(name).inc)
            for name, node in config.nodeos.items()
        }
        builtins: dict[str, Builtin] = {**self.nodes}
        builtins |= {name: RpcSwitchService(one) for name, one in config.rpc_switch.items()}
        producers = {name: one.producer for name, one in config.daemons.items() if one.producer is not None}
        fences = {name: self.nodes[producer].start_fence for name, producer in producers.items()}
        self.watchdog = Watchdog(config.daemons, self.journal, fences)
        builtins |= {name: DaemonService(name, self.watchdog) for name in config.daemons}
        members = {name: self.nodes[producer].member for name, producer in producers.items()}
        for name, producer in producers.items():
            self.nodes[producer].watched = self.watchdog.guards[name].summary
        self.registry.register(ServiceCollector(config.host, self.watchdog.views, members))
        if config.replace is not None:
            builtins[CONFIG] = ReplaceService(config.replace, self.journal)
        keys = {name: sender.key_file.reveal() for name, sender in config.senders.items()}
        self.dispatcher = Dispatcher(
            Rules(
                config.host if config.check_host else None, keys, config.require_expiry, config.require_host
            ),
            offers(config, builtins, self.journal, self._stop),
            self.journal,
            self.link.publish,
            self.metrics,
            parallel=config.parallel,
            queue=config.queue,
        )

    def start(self) -> None:
        """Close what was left open, then take commands. Raises JournalError, OSError."""
        Info("chainwarden_agent", "Version of this agent.", registry=self.registry).info(
            {"version": version("chainwarden"), "host": self.config.host}
        )
        ProcessCollector(registry=self.registry)
        waiting, running = self.metrics.waiting, self.metrics.running
        waiting.set_function(lambda: self.dispatcher.sizes()[0])
        running.set_function(lambda: self.dispatcher.sizes()[1])
        self.metrics.undelivered.set_function(self.link.undelivered)
        buttons = Buttons(self.config.operators, self.watchdog.run)
        self._server = listener(
            self.config.listen, self.registry, self.config.host, self.watchdog.views, buttons, self._gate
        )
        threading.Thread(target=self._server.serve_forever, name="listener", daemon=True).start()
        self.dispatcher.resume()
        self.watchdog.start()
        self.link.start()
        for name, node in self.nodes.items():
            fence = threading.Thread(
                target=keep_fence, args=(name, node, self._stop), name=f"fence-{name}", daemon=True
            )
            fence.start()
        threading.Thread(target=self._beat, name="heartbeat", daemon=True).start()
        log.info("started", extra={"fields": {"host": self.config.host, "metrics": self.config.listen}})

    def stop(self) -> None:
        """Take no more commands; what still runs after PATIENCE goes on without us."""
        self._stop.set()
        self.dispatcher.close(PATIENCE)
        self.watchdog.stop(PATIENCE)
        self.link.stop()
        self._server.shutdown()
        self._server.server_close()
        self.journal.close()

    def _arrived(self, message: Arrived) -> None:
        self.dispatcher.arrived(message.payload, retained=message.retained, again=message.again)

    def _delivered(self, key: str) -> None:
        self.journal.delivered(key, time.time())

    def _beat(self) -> None:
        tidied = 0.0
        while not self._stop.wait(self.config.heartbeat):
            self.link.beat()
            if time.monotonic() - tidied > TIDY_EVERY:
                tidied = time.monotonic()
                self._tidy()

    def _tidy(self) -> None:
        """Forget what is older than `retention`, with its output."""
        try:
            for key in self.journal.forget(time.time() - self.config.retention):
                (output_folder(self.config) / key).unlink(missing_ok=True)
        except (JournalError, OSError) as error:
            log.error("old commands are not forgotten: %s", error)
