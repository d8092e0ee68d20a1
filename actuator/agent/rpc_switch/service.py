"""The service: probe first, edit, restart, verify, else take it back; every step can be the last one.

The order of writes is what survives `kill -9`: the state file says what is about to happen, then the node's
file is replaced, then the node is restarted. Who finds an unfinished switch compares the node's file with the
texts in the state, and so knows how far it came.
"""

import contextlib
import fcntl
import logging
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace

from actuator.agent.builtin import Outcome
from actuator.agent.rpc_switch.choose import Finding, failed, objections, ranked, recent, refusal
from actuator.agent.rpc_switch.config import RpcSwitch
from actuator.agent.rpc_switch.nodefile import NodeFileError, Urls, current, edited
from actuator.agent.rpc_switch.probe import probe
from actuator.agent.rpc_switch.replace import replace_kept
from actuator.agent.rpc_switch.state import Pending, State, StateError, load, save
from actuator.agent.rpc_switch.verify import LogWatch, run, works
from nodekit.http import redact

log = logging.getLogger(__name__)

SWITCHED = KEPT_HEALTHY = 0
FAILED = 1
REFUSED = 75
"""As EX_TEMPFAIL of sysexits.h: nothing is wrong, it may just not happen now."""


class _Ended(Exception):  # noqa: N818 - an end, which need not be an error
    """The switch ends here; what it carries is told."""

    def __init__(self, code: int, text: str) -> None:
        super().__init__(text)
        self.outcome = Outcome(code, text)


class RpcSwitchService:
    """One node's endpoint."""

    commands = frozenset({"switch", "status"})

    def __init__(self, config: RpcSwitch, clock: Callable[[], float] = time.time) -> None:
        self._config = config
        self._clock = clock
        self._by_name = {one.name: Urls(one.http, one.ws) for one in config.candidates}

    def run(self, command: str, message: Mapping[str, object], stop: threading.Event) -> Outcome:
        """`switch` or `status`; nothing in the message is used."""
        del message
        try:
            if command == "status":
                return self._status()
            if command != "switch":
                return Outcome(FAILED, f"unknown command; known here: {', '.join(sorted(self.commands))}")
            with self._alone():
                return self.resume(stop) or self._switch(stop)
        except _Ended as end:
            return end.outcome
        except (StateError, NodeFileError) as error:
            return Outcome(FAILED, str(error))
        except OSError as error:
            return Outcome(FAILED, f"{error.filename or self._config.node_config}: {error.strerror}")

    @contextlib.contextmanager
    def _alone(self) -> Iterator[None]:
        """While this lasts no other process switches this node; the lock goes with the process."""
        path = self._config.state.with_name(f".{self._config.state.name}.lock")
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("wb") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise _Ended(
                    REFUSED, "nothing was switched: another switch of this node is running"
                ) from None
            yield

    def resume(self, stop: threading.Event) -> Outcome | None:
        """Finish or take back a switch that did not end, as after `kill -9`; None when there is none.

        Raises StateError, NodeFileError, OSError.
        """
        state = load(self._config.state)
        pending = state.pending
        if pending is None:
            return None
        now_there = self._read()
        way = f"{pending.came_from} → {pending.goes_to}"
        if now_there == pending.new and not pending.reverting:
            log.warning("an unfinished switch is gone on with: %s", way)
            wrong = self._restarted(stop)
            if wrong is None:
                return self._done(state, f"finished the interrupted switch {way}")
            return self._taken_back(state, f"the interrupted switch {way} failed: {wrong}", stop)
        if now_there == pending.old and not pending.reverting:
            save(self._config.state, replace(state, pending=None, runs=state.runs[:-1]))
            return None  # nothing was changed, so one may begin now
        return self._taken_back(state, f"the switch {way} was interrupted", stop)

    def _switch(self, stop: threading.Event) -> Outcome:
        state = load(self._config.state)
        why_not = refusal(state.runs, self._clock(), self._config.min_interval, self._config.per_day)
        if why_not is not None:
            return Outcome(REFUSED, f"nothing was switched: {why_not}")
        old = self._read()
        came_from = self._name(current(old, self._config.chain_id, self._config.evm_node))
        tried: dict[str, str] = {}
        while len(tried) < self._config.tries:
            name = self._choice(state, old, came_from, tried, stop)
            if name is None:
                break
            state, wrong = self._attempt(state, old, came_from, name, stop)
            if wrong is None:
                return self._done(state, f"switched {came_from} → {name}")
            tried[name] = wrong
        told = "; ".join(f"{name}: {wrong}" for name, wrong in tried.items())
        return self._taken_back(state, f"no switch from {came_from} succeeded ({told})", stop)

    def _choice(
        self, state: State, old: str, came_from: str, tried: Mapping[str, str], stop: threading.Event
    ) -> str | None:
        """The best candidate that passes the probe now; None when none is left after others were tried."""
        used = current(old, self._config.chain_id, self._config.evm_node)
        findings = self._probed({**self._by_name, came_from: used}, stop)
        bad = objections(findings, self._config.chain_id, self._config.max_lag)
        if used.ws is not None:
            without = [name for name, one in self._by_name.items() if one.ws is None]
            bad = {**dict.fromkeys(without, "has no `ws`, and the node uses one"), **bad}
        if not tried and self._config.keep_healthy and came_from not in bad:
            raise _Ended(KEPT_HEALTHY, f"kept {came_from}: it is healthy, seen from this host")
        names = [name for name in self._by_name if name != came_from and name not in tried]
        order = ranked(names, bad, state.penalties, self._clock(), self._config.probation)
        if order:
            return order[0]
        if tried:
            return None
        told = "; ".join(f"{name}: {bad[name]}" for name in names) or "there is no other"
        raise _Ended(
            FAILED, f"kept {came_from} ({bad.get(came_from, 'healthy')}): no candidate is healthy: {told}"
        )

    def _probed(self, endpoints: Mapping[str, Urls], stop: threading.Event) -> list[Finding]:
        findings = probe(endpoints, self._config.new_head_within, self._config.timeout, stop)
        if stop.is_set():
            raise _Ended(FAILED, "interrupted while the candidates were probed")
        return findings

    def _attempt(
        self, state: State, old: str, came_from: str, name: str, stop: threading.Event
    ) -> tuple[State, str | None]:
        """Put one candidate in place; the state afterwards, and what is wrong with it if anything is."""
        new = edited(old, self._config.chain_id, self._config.evm_node, self._by_name[name])
        before = old if state.pending is None else state.pending.new
        self._must_be_ours(state, before)
        now = self._clock()
        penalties = {**state.penalties}
        if state.pending is None:
            penalties[came_from] = failed(penalties.get(came_from), now, self._config.probation)
        runs = (*recent(state.runs, now), now) if state.pending is None else state.runs
        state = replace(
            state, pending=Pending(old, before, new, came_from, name), runs=runs, penalties=penalties
        )
        save(self._config.state, state)
        replace_kept(self._config.node_config, new.encode())
        wrong = self._restarted(stop)
        if wrong is not None:
            state = self._blamed(state, name)
        return state, wrong

    def _restarted(self, stop: threading.Event) -> str | None:
        """Restart the node and wait until it works; what is wrong otherwise."""
        success = self._config.success
        wrong = self._restart(stop)
        if wrong is None:
            watch = None if success.log is None else LogWatch(success.log)
            wrong = works(success, watch, stop)
        if stop.is_set():
            raise _Ended(
                FAILED, "interrupted before the switch was verified; the next start or command goes on"
            )
        return wrong

    def _restart(self, stop: threading.Event) -> str | None:
        code, output = run(self._config.restart, self._config.restart_timeout, stop)
        return None if code == 0 else f"the restart ended with {code}: {output[-200:]}"

    def _taken_back(self, state: State, text: str, stop: threading.Event) -> Outcome:
        """Restore the file of before the switch and restart the node with it."""
        pending = state.pending
        if pending is None:  # nothing was changed
            return Outcome(FAILED, text)
        self._must_be_ours(state, pending.old, pending.before, pending.new)
        state = replace(state, pending=replace(pending, reverting=True))
        save(self._config.state, state)
        if self._read() != pending.old:
            replace_kept(self._config.node_config, pending.old.encode())
        wrong = self._restart(stop)
        if stop.is_set():
            raise _Ended(FAILED, f"{text}; interrupted while {pending.came_from} was put back")
        ended = "restarted" if wrong is None else wrong
        return self._closed(state, FAILED, f"{text}; {pending.came_from} is back: {ended}")

    def _must_be_ours(self, state: State, *texts: str) -> None:
        """End the switch when the node's file is none of these: somebody else changed it, and that stays."""
        if self._read() not in texts:
            text = "somebody else changed the node's file during the switch; it is left as it is"
            raise _Ended(FAILED, text if state.pending is None else self._closed(state, FAILED, text).output)

    def _done(self, state: State, text: str) -> Outcome:
        return self._closed(state, SWITCHED, f"{text}: the node works")

    def _closed(self, state: State, code: int, text: str) -> Outcome:
        """The switch is over: remember when and how."""
        runs = (*state.runs[:-1], self._clock())
        save(self._config.state, replace(state, pending=None, runs=runs, last=text))
        return Outcome(code, text)

    def _blamed(self, state: State, name: str) -> State:
        penalty = failed(state.penalties.get(name), self._clock(), self._config.probation)
        state = replace(state, penalties={**state.penalties, name: penalty})
        save(self._config.state, state)
        return state

    def _status(self) -> Outcome:
        state, now = load(self._config.state), self._clock()
        used = self._name(current(self._read(), self._config.chain_id, self._config.evm_node))
        scores = {
            name: penalty.left(now, self._config.probation) for name, penalty in state.penalties.items()
        }
        probation = ", ".join(f"{name} ({score:.1f})" for name, score in scores.items() if score >= 0.5)
        lines = [
            f"endpoint: {used}",
            f"on probation: {probation or 'none'}",
            f"switches within 24 h: {len(recent(state.runs, now))} of {self._config.per_day}",
            f"last: {state.last or 'none'}",
        ]
        if state.pending is not None:
            lines.append(f"unfinished: {state.pending.came_from} → {state.pending.goes_to}")
        return Outcome(0, "\n".join(lines))

    def _read(self) -> str:
        try:
            return self._config.node_config.read_bytes().decode()
        except UnicodeDecodeError:
            raise NodeFileError(f"{self._config.node_config} is no UTF-8 text") from None

    def _name(self, urls: Urls) -> str:
        """The candidate with this address, else its host: an address may hold a key."""
        same = (name for name, one in self._by_name.items() if one.http.rstrip("/") == urls.http.rstrip("/"))
        return next(same, redact(urls.http).partition("//")[2])
