"""Composition root: the only file that knows every part of the actuator."""

import logging
import socket
import threading
import time
import uuid
from collections.abc import Callable, Collection, Mapping, Sequence
from importlib.metadata import version

from flask import Flask, Response, jsonify, make_response, request
from prometheus_client import CollectorRegistry, Info, ProcessCollector
from prometheus_client.exposition import choose_encoder

from actuator import groups, outcome
from actuator.actions.failover import Failover
from actuator.actions.production import Production
from actuator.actions.recover import Recover
from actuator.api import api_blueprint
from actuator.auth import Gatekeeper, caller_of
from actuator.collectd_bridge import collectd_blueprint
from actuator.config import Config
from actuator.configs.groups import Node
from actuator.executor import Executor, Performer
from actuator.facts import Facts
from actuator.failover.control import Control, NodeControl
from actuator.failover.state import Notice, Policy
from actuator.failover.watch import GroupWatch
from actuator.failover.words import words
from actuator.groupmetrics import GroupCollector
from actuator.lease import Alone, Leadership, Leases
from actuator.ledger import Ledger
from actuator.message import as_arguments, notice_note
from actuator.metrics import Metrics
from actuator.notify.api import notify_blueprint
from actuator.notify.clockwork import Clockwork
from actuator.notify.metrics import NotifyCollector
from actuator.notify.notices import notice_facts
from actuator.notify.notifier import Notifier
from actuator.notify.settle import Settled
from actuator.notify.texts import Texts
from actuator.page import page_blueprint
from actuator.plan import Playbook
from actuator.remote.api import reached, remote_blueprint
from actuator.remote.control import AgentControl
from actuator.remote.sender import Sender
from actuator.sinks import build
from actuator.step import Lane, Receipt, Step
from actuator.webhook import MAX_BODY, Intake, alerts_blueprint
from nodekit.http import HttpError
from nodekit.nodeos import Nodeos
from nodekit.serving import bound
from nodekit.webfile import Gate

log = logging.getLogger(__name__)

THREADS = 8
"""Threads that answer HTTP; measured as enough for 3,000 deliveries a second."""


class Actuator:
    """All parts, wired. `start` and `stop` once each."""

    def __init__(self, config: Config) -> None:
        """Open the ledger and build everything. Raises LedgerError."""
        self.config = config
        password = config.ledger_password_file
        self.ledger = Ledger(config.ledger, None if password is None else password.reveal())
        self.leadership = self._leadership()
        self.registry = CollectorRegistry()
        self.metrics = Metrics(self.registry)
        self.gatekeeper = Gatekeeper(config.auth, loopback=config.loopback)
        self.watches: dict[str, GroupWatch] = {}
        self.sender = (
            None if config.mqtt is None else Sender(config.mqtt, config.hosts, self.ledger, self.registry)
        )  # fmt: skip
        self._controls = self._reach(config)
        self.executor = Executor(
            self.ledger, self._actions(), self._finished, led=self._led, confirm=self.leadership.confirm,
            tell=outcome.tell,
        )  # fmt: skip
        texts = Texts(config.notify.templates, config.external_url or "", config.notify.timezone)
        sinks = {name: build(name, sink, self.ledger) for name, sink in config.sinks.items()}
        self.notifier = Notifier(
            self.ledger, config.sinks, sinks, texts=texts, language=config.notify.language,
            told=self.metrics.notification, ended=self._told,
        )  # fmt: skip
        self.clockwork = Clockwork(
            config, self.ledger, self.metrics, wake=self.notifier.wake, watches=lambda: self.watches
        )  # fmt: skip
        for name, group in config.groups.items():
            self.watches[name] = GroupWatch(
                name, group, self.ledger, self._compose, self._wake, leadership=self.leadership,
                recover=self._take_over, stopped=self._proofs(name),
            )  # fmt: skip
        self._stopped = threading.Event()

    def _reach(self, config: Config) -> Mapping[tuple[str, str], Control]:
        """How each node is paused and resumed: by its own API, or through its host's agent."""
        return {
            (name, node.name): self._control(name, node, group.poll_timeout)
            for name, group in config.groups.items()
            for node in group.nodes
        }

    def _control(self, group: str, node: Node, timeout: float) -> Control:
        host = node.agent_host
        if host is None or self.sender is None:  # the config refuses `via` without a broker
            return NodeControl(node.url, node.write_url or node.url, timeout)
        return AgentControl(
            self.sender, host, node.agent_service, group,
            lambda: self.ledger.read(lambda connection: groups.epoch(connection, group)),
            Nodeos(node.url, timeout),
        )  # fmt: skip

    def _proofs(self, group: str) -> dict[str, Callable[[], bool]]:
        """What asks the agents of a group's hosts whether their nodes are stopped."""
        return {
            node: control.stopped
            for (name, node), control in self._controls.items()
            if name == group and isinstance(control, AgentControl)
        }

    def _leadership(self) -> Leadership:
        if not self.ledger.shared:
            return Alone()
        where = self.config.external_url or f"the actuator on {socket.gethostname()} at {self.config.listen}"
        return Leases(self.ledger, uuid.uuid4().hex, where)

    def _led(self) -> Collection[str] | None:
        """Groups whose steps are ours to perform; None for all."""
        if not self.ledger.shared:
            return None
        return [name for name in self.config.groups if self.leadership.leads(name)]

    def _take_over(self, group: str) -> None:
        """Close the steps that the actuator that led a group before left open."""
        if self.ledger.shared:
            self.executor.recover(group)

    def _actions(self) -> dict[str, Performer]:
        return {
            "pause": Production("pause", self._controls, self._still_fenced),
            "resume": Production("resume", self._controls, self._still_fenced),
            "failover": Failover(lambda: self.watches, time.time),
            "recover": Recover(self.ledger, self.sender),
        }

    def _still_fenced(self, group: str, target: str) -> str | None:
        def read(node: str) -> bool | None:
            try:
                return self._controls[group, node].paused()
            except HttpError:
                return None

        return self.watches[group].still_fenced(target, read)

    def _wake(self) -> None:
        self.executor.wake()
        self.notifier.wake()

    def _told(self, action: str, settled: Settled) -> None:
        self.metrics.steps.labels(action, settled.state).inc(len(settled.items))

    def _finished(self, step: Step, receipt: Receipt) -> None:
        self.metrics.step_finished(step, receipt)
        if step.lane is Lane.CONTROL and step.group in self.watches:
            self.watches[step.group].step_finished(step, receipt)
        if step.lane in (Lane.REMOTE, Lane.ASK):
            self.notifier.wake()

    def _compose(self, notice: Notice, policy: Policy, facts: Facts) -> Sequence[Step]:
        """One notification step a sink; the notice's key makes it one message for ever."""
        note = notice_note(words(notice, policy, facts), facts=notice_facts(notice, policy, facts))
        told = self.config.groups[policy.group].notify
        sinks = self.config.sinks if told is None else told
        return [
            Step(
                key=f"{notice.key}/{sink}",
                action=self.config.sinks[sink].type,
                target=f"sink:{sink}",
                reason=f"{notice.kind} of {policy.group}",
                lane=Lane.NOTIFY,
                arguments=as_arguments(sink, note),
                group=policy.group,
            )
            for sink in sinks
        ]

    def application(self) -> Flask:
        """The WSGI application: webhook, API, metrics, health."""
        playbook = Playbook(
            rules=self.config.playbook,
            groups=frozenset(self.config.groups),
            sink_actions={name: sink.type for name, sink in self.config.sinks.items()},
            max_alert_age=self.config.max_alert_age,
            hosts={name: reached(name, host) for name, host in self.config.hosts.items()},
            group_waits={name: sink.group_wait for name, sink in self.config.sinks.items()},
        )
        intake = Intake(
            self.ledger, playbook, self.metrics, self._wake, time.time,
            again=lambda group: self.watches[group].alerted(),
        )  # fmt: skip
        app = Flask(__name__)
        app.config["MAX_CONTENT_LENGTH"] = MAX_BODY
        app.before_request(self._door)
        app.register_blueprint(alerts_blueprint(intake, self.gatekeeper, self.metrics))
        app.register_blueprint(api_blueprint(self.watches, self.ledger, self._gate))
        app.register_blueprint(
            notify_blueprint(self.config.sinks, self.ledger, self.notifier.wake, self._gate)
        )  # fmt: skip
        app.register_blueprint(remote_blueprint(self.config.hosts, self.ledger, self._wake, self._gate))
        if self.config.collectd is not None:
            app.register_blueprint(collectd_blueprint(self.config.collectd, self.gatekeeper))
        app.register_blueprint(page_blueprint(self.watches, self.ledger, self._gate))
        self._own_routes(app)
        return app

    def _door(self) -> Response | None:
        """Turn away whoever `auth.allow` does not name, on every route."""
        verdict = self.gatekeeper.door(request.remote_addr or "")
        return None if verdict.allowed else _error(verdict.status, verdict.why)

    def _gate(self, role: str) -> tuple[str | None, Response | None]:
        """Judge the current request for the API."""
        caller = caller_of(request.remote_addr, dict(request.headers), request.method)
        if request.method != "GET" and caller.content_type != "application/json":
            return None, _error(415, "send application/json")
        verdict = self.gatekeeper.operator(caller, role)
        if verdict.allowed:
            return verdict.name, None
        answer = _error(verdict.status, verdict.why)
        if verdict.status == 401:
            answer.headers["WWW-Authenticate"] = 'Basic realm="chainwarden"'
        return None, answer

    def _own_routes(self, app: Flask) -> None:
        Info("chainwarden_actuator", "Version of this actuator.", registry=self.registry).info(
            {"version": version("chainwarden")}
        )
        ProcessCollector(registry=self.registry)
        self.registry.register(GroupCollector(lambda: self.watches, self.ledger))
        self.registry.register(NotifyCollector(self.config.sinks, self.ledger))

        @app.get("/metrics")
        def metrics() -> Response:
            encoder, content_type = choose_encoder(request.headers.get("Accept", ""))
            return make_response(encoder(self.registry), 200, {"Content-Type": content_type})

        @app.get("/-/healthy")
        def healthy() -> Response:
            return make_response("chainwarden actuator is healthy.\n", 200)

        @app.get("/-/ready")
        def ready() -> Response:
            waiting = [name for name, watch in self.watches.items() if watch.view() is None]
            if waiting:
                return make_response(f"not ready: {', '.join(waiting)} not looked at yet\n", 503)
            return make_response("chainwarden actuator is ready.\n", 200)

    def serve(self, gate: Gate | None = None) -> None:
        """Run until `stop`; `gate`: of the web file. Raises OSError when the address cannot be had."""
        server = bound(
            self.config.listen, self.application(), gate, threads=THREADS, others=self.gatekeeper.knows
        )
        if not self.ledger.shared:
            self.executor.recover()
        self.notifier.recover()
        if self.sender is not None:
            self.sender.start()
        self.executor.start()
        self.notifier.start()
        self.clockwork.start()
        for watch in self.watches.values():
            watch.start()
        log.info("listening", extra={"fields": {"address": self.config.listen}})
        serving = threading.Thread(target=server.run, name="http", daemon=True)
        serving.start()
        self._stopped.wait()
        server.close()
        for watch in self.watches.values():
            watch.stop()
        if self.sender is not None:
            self.sender.stop()
        self.executor.stop()
        self.clockwork.stop()
        self.notifier.stop()
        self.ledger.close()

    def stop(self) -> None:
        """Finish what is being performed and end; callable from a signal handler."""
        self._stopped.set()


def _error(status: int, text: str) -> Response:
    answer = jsonify({"error": text, "refusals": []})
    answer.status_code = status
    return answer
