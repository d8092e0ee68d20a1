"""PURE: alerts and playbook → steps. An alert only selects what is configured."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from actuator.alert import Alert
from actuator.configs.playbook import Limits, Recover, Rule
from actuator.episode import Placement
from actuator.message import alert_note, as_arguments
from actuator.step import Lane, Step, episode_key

LONGEST = 100
"""Characters of a label that are looked up: configured names are shorter, and keys of the ledger must be."""


@dataclass(frozen=True, slots=True)
class Planned:
    """A step that the playbook asks for; `refused` says why it is not performed."""

    step: Step
    refused: str | None = None
    wait: float = 0.0
    """Seconds before it is performed."""

    @property
    def asks(self) -> str | None:
        """The group whose look it asks for; None when it is no question, or one that may not be put."""
        return self.step.group if self.step.lane is Lane.ASK and self.refused is None else None


@dataclass(frozen=True, slots=True)
class Reached:
    """A host whose agent performs commands, as planning needs it."""

    name: str
    timeout: float
    """Seconds that a result may take."""
    remembers: bool
    """Whether its agent knows what it ran; the original confuses what runs at the same time."""

    def target(self, service: str) -> str:
        """What one command at a time is under way to."""
        return f"host:{self.name}/{service}" if self.remembers else f"host:{self.name}"


@dataclass(frozen=True, slots=True)
class Playbook:
    """What planning needs to know of the configuration."""

    rules: tuple[Rule, ...]
    groups: frozenset[str]
    sink_actions: Mapping[str, str]
    """Sink name → the action that sends to it."""
    max_alert_age: float
    hosts: Mapping[str, Reached] = field(default_factory=dict)
    group_waits: Mapping[str, float] = field(default_factory=dict)
    """Sink name → seconds that what is not critical waits for company."""


def matches(rule: Rule, alert: Alert) -> bool:
    """Whether every label that the rule names has one of its values; an absent label is ``''``."""
    return all(alert.labels.get(label, "") in values for label, values in rule.when.items())


@dataclass(frozen=True, slots=True)
class _Occasion:
    """One alert in its episode, as each rule sees it."""

    alert: Alert
    episode: int
    now: float
    external_url: str


def plan(
    alert: Alert,
    placement: Placement,
    episode: int | None,
    playbook: Playbook,
    now: float,
    external_url: str = "",
) -> tuple[Planned, ...]:
    """Steps of one delivered alert. The same episode gives the same keys, so repeats add nothing."""
    if episode is None or placement in (Placement.LATE, Placement.STRAY):
        return ()
    occasion = _Occasion(alert, episode, now, external_url)
    found: list[Planned] = []
    for number, rule in enumerate(playbook.rules, start=1):
        if not matches(rule, alert):
            continue
        name = f"rule-{number}"
        for do in rule.do:
            found += [_notify(sink, name, occasion, playbook) for sink in do.notify or ()]
            if do.failover is not None and alert.firing:
                found.append(_failover(name, occasion, playbook))
            if do.recover is not None and alert.firing:
                found.append(_recover(name, rule.limits, do.recover, occasion, playbook))
    return tuple(found)


def _failover(rule: str, occasion: _Occasion, playbook: Playbook) -> Planned:
    alert, now = occasion.alert, occasion.now
    group = alert.labels.get("group", "")[:LONGEST]
    known = group in playbook.groups
    step = Step(
        key=episode_key(occasion.episode, rule, "failover", group or "-"),
        action="failover",
        target=f"group:{group}",
        reason=f"alert {alert.name} asks whether {group or 'its group'} should fail over",
        lane=Lane.ASK,
        group=group if known else None,
        episode=occasion.episode,
        not_after=now + playbook.max_alert_age,
    )
    age = now - alert.starts_at
    if not known:
        return Planned(step, f"the label group={group!r} names no configured group")
    if age > playbook.max_alert_age:
        return Planned(step, f"the alert began {age:.0f} s ago, longer than {playbook.max_alert_age:g} s")
    return Planned(step)


def _recover(rule: str, limits: Limits, asked: Recover, occasion: _Occasion, playbook: Playbook) -> Planned:
    alert, now = occasion.alert, occasion.now
    name = asked.host or alert.labels.get("host", "")[:LONGEST]
    host, age = playbook.hosts.get(name), now - alert.starts_at
    what = {"service": asked.service, "command": asked.command}
    key = episode_key(occasion.episode, rule, f"recover.{asked.service}.{asked.command}", name or "-")
    step = Step(
        key=key,
        action="recover",
        target=f"host:{name}" if host is None else host.target(asked.service),
        reason=f"alert {alert.name} asks for {asked.command} of {asked.service} on {name or 'its host'}",
        lane=Lane.REMOTE,
        arguments={
            "host": name, "timeout": 0.0 if host is None else host.timeout, **what,
            "cooldown": limits.cooldown, "per_hour": limits.per_hour,
        },
        episode=occasion.episode,
        not_after=now + playbook.max_alert_age,
    )  # fmt: skip
    if host is None:
        return Planned(step, f"the label host={name!r} names no configured host")
    if age > playbook.max_alert_age:
        return Planned(step, f"the alert began {age:.0f} s ago, longer than {playbook.max_alert_age:g} s")
    return Planned(step)


def _notify(sink: str, rule: str, occasion: _Occasion, playbook: Playbook) -> Planned:
    alert = occasion.alert
    action = playbook.sink_actions[sink]
    return Planned(
        Step(
            key=episode_key(occasion.episode, rule, f"{action}.{alert.status}", sink),
            action=action,
            target=f"sink:{sink}",
            reason=f"alert {alert.name} is {alert.status}",
            lane=Lane.NOTIFY,
            arguments=as_arguments(sink, alert_note(alert, occasion.external_url)),
            episode=occasion.episode,
        ),
        wait=playbook.group_waits.get(sink, 0.0),
    )
