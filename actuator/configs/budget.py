"""PURE: what trouble in our window may cost, reckoned from a group's configured times.

Each way of taking over has its evidence, then its fence, then the resume. With `trigger: alerts` the evidence
is not acted upon before the alert has come through exporter, Prometheus and Alertmanager.
"""

from dataclasses import dataclass

from nodekit.slots import SLOT_SECONDS

ACT_SECONDS = 0.3
"""From the proof to the resumed node: pauses, a resume, commits. Measured 0.05 s; six times that."""
QUICK_BEFORE = 1.5
"""Seconds before our window from which looks are quick; one that was begun before must be over by then."""
QUICK_LOOK = 0.25
"""Seconds between looks while our window is open."""
ARRIVES = 0.3
"""Seconds after a slot in which its block may still arrive: no slot counts as empty before."""
HANG_SLOTS, LOST_SLOTS, ALERT_SLOTS = 2, 4, 2
"""Empty slots that prove a hang, prove a node lost (mode `bounded`), raise AntelopeProducerDown."""
QUEUED_SECONDS = 0.3
"""In which the kernel of a node that hangs acknowledges the pause that is left at it."""
EXPORTER_LOOK = 1.0
"""The exporter asks each node once a second."""
ALERT_SECONDS = 1.3
"""From a scrape to the webhook with the shipped rules, a second between scrapes and between evaluations."""

STRICT_BUDGET, WIDER = 4, 4
"""The budget of who declares none: four blocks, and so many more for each slower way."""


@dataclass(frozen=True, slots=True)
class Sum:
    """One way of taking over: its terms in words, what they add up to, what would make it less."""

    terms: str
    seconds: float
    remedy: str

    @property
    def slots(self) -> int:
        """Whole slots that go by meanwhile."""
        return int(round(self.seconds, 6) / SLOT_SECONDS)


@dataclass(frozen=True, slots=True)
class Times:
    """The part of a group's configuration that the sums are made of, in seconds."""

    gone_after: float
    poll_interval: float
    poll_timeout: float
    bounded: bool
    on_alert: bool

    @property
    def usual_budget(self) -> int:
        """Blocks that this way of taking over is meant to cost at most."""
        return STRICT_BUDGET + WIDER * self.bounded + WIDER * self.on_alert


def sums(times: Times) -> tuple[Sum, ...]:
    """What a crash, a hang and, in mode `bounded`, a node that nothing reaches cost in our window."""
    found = (_crash(times), _hang(times), *((_lost(times),) if times.bounded else ()))
    return tuple(
        Sum(f"{one.terms} + {ACT_SECONDS} s to act", one.seconds + ACT_SECONDS, one.remedy) for one in found
    )


def _crash(times: Times) -> Sum:
    return _asked(times, Sum(f"gone_after {times.gone_after:g} s", times.gone_after, "lower gone_after"))


def _hang(times: Times) -> Sum:
    """A look that was begun before our window may find it late."""
    late = times.poll_interval + times.poll_timeout - QUICK_BEFORE
    seen = HANG_SLOTS * SLOT_SECONDS + ARRIVES
    terms = (
        f"poll_interval {times.poll_interval:g} s + poll_timeout {times.poll_timeout:g} s - "
        f"{QUICK_BEFORE} s before our window + {_empty(HANG_SLOTS)}"
    )
    proven = _asked(times, Sum(terms, max(0.0, late) + seen, "lower poll_interval or poll_timeout"))
    fence = f"{QUEUED_SECONDS} s until its kernel has our pause"
    return Sum(f"{proven.terms} + {fence}", proven.seconds + QUEUED_SECONDS, proven.remedy)


def _lost(times: Times) -> Sum:
    """Right before the resume the node is asked once more, for as long as a look may take."""
    seen = LOST_SLOTS * SLOT_SECONDS + ARRIVES + QUICK_LOOK
    terms = f"{_empty(LOST_SLOTS)} + {QUICK_LOOK} s between looks"
    proven = _asked(times, Sum(terms, seen, "lower poll_timeout"))
    fence = f"poll_timeout {times.poll_timeout:g} s to ask once more"
    return Sum(f"{proven.terms} + {fence}", proven.seconds + times.poll_timeout, "lower poll_timeout")


def _empty(slots: int) -> str:
    return f"{slots} empty slots {slots * SLOT_SECONDS:g} s + {ARRIVES} s for their blocks to arrive"


def _asked(times: Times, proof: Sum) -> Sum:
    """The proof, or with `trigger: alerts` the alert, whichever comes later."""
    alert = ALERT_SLOTS * SLOT_SECONDS + ARRIVES + EXPORTER_LOOK + ALERT_SECONDS
    if not times.on_alert or proof.seconds >= alert:
        return proof
    terms = (
        f"trigger alerts: {_empty(ALERT_SLOTS)} + {EXPORTER_LOOK:g} s between looks of the exporter + "
        f"{ALERT_SECONDS} s through Prometheus and Alertmanager"
    )
    return Sum(terms, alert, "write `trigger: watch`")
