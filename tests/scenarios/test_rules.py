"""Shipped rules in a real Prometheus on a real chain: a real fault fires its alerts, and no other critical one.

The long form, every fault of the list, is `python -m bench.alerts`.
"""

from pathlib import Path

from bench.alerts import critical, firing
from lab.chain import Chain
from lab.health import heal
from lab.server import poll
from lab.slack import Slack
from lab.stack import Stack

WRONG_START = {
    "AntelopeProducerTwoActive critical",
    "AntelopeStartFenceBroken warning",
    "AntelopeNodeRestarted info",
}

SCRAPED = 'count_over_time(antelope_node_restarts_total{node="C"}[1m]) >= 2'


def test_a_standby_that_comes_up_unpaused_fires_its_alerts_and_no_other_critical_one(
    chain: Chain, slack: Slack, tmp_path: Path
) -> None:
    with Stack(tmp_path, chain, slack, automation="shadow") as stack:
        assert poll(lambda: len(stack.prometheus.query(SCRAPED)) == 1, 30)
        assert critical(stack) == set()

        chain["C"].restart(paused=False)

        assert poll(lambda: firing(stack) >= WRONG_START, 20), firing(stack)
        assert critical(stack) == {"AntelopeProducerTwoActive"}
    heal(chain)
