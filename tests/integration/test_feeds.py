"""Whether a feed goes on, and whether without us, told by an aggregator on a real EVM chain."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from exporter.collector import CollectorError
from exporter.collectors import feeds
from exporter.config import Config
from lab.anvil import Anvil


@pytest.fixture(scope="module")
def anvil(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Anvil]:
    with Anvil(tmp_path_factory.mktemp("anvil")) as server:
        yield server


class Watched:
    """A new aggregator, our oracle and another one, and a look at it by the exporter."""

    def __init__(self, anvil: Anvil, *more_rpc: str) -> None:
        self.anvil = anvil
        self.us, self.other = anvil.accounts[1:3]
        self.contract = anvil.deploy_feed(0, 0)
        feed = {"contract": self.contract, "oracle": self.us.lower(), "token": "PLI"}
        network: Mapping[str, Any] = {
            "chain_id": 51, "rpc": [anvil.url, *more_rpc], "tokens": {"PLI": self.us.lower()}, "feeds": {"btc": feed},
        }  # fmt: skip
        self.config = Config.model_validate({"networks": {"xdc": network}})
        (self.source,) = feeds.build(self.config)

    def look(self) -> dict[str, float]:
        """Metric without its prefix → value."""
        found = self.source.observe(0.0)
        return {sample.metric.name.removeprefix("evm_feed_"): sample.value for sample in found}


@pytest.fixture
def watched(anvil: Anvil) -> Iterator[Watched]:
    made = Watched(anvil)
    yield made
    made.source.close()


def test_a_feed_without_any_round_is_unknown_not_old(watched: Watched) -> None:
    assert watched.look() == {"round_awaits_us": 0}


def test_when_only_we_are_silent_the_round_moves_on_and_ours_does_not(watched: Watched) -> None:
    anvil = watched.anvil
    anvil.submit(watched.contract, 1, watched.us)
    both = watched.look()
    for number in (2, 3, 4):
        anvil.mine(after=600)
        anvil.submit(watched.contract, number, watched.other)
    alone = watched.look()
    anvil.submit(watched.contract, 5, watched.us)
    back = watched.look()

    assert (both["round"], both["submitted_round"], both["round_awaits_us"]) == (1, 1, 0)
    assert (alone["round"], alone["submitted_round"], alone["round_awaits_us"]) == (4, 1, 1)
    assert alone["last_answer_age_seconds"] >= both["last_answer_age_seconds"] + 1800, "somebody answered"
    assert (back["round"], back["submitted_round"], back["round_awaits_us"]) == (5, 5, 0)


def test_when_all_are_silent_nothing_moves_on_and_nothing_waits(watched: Watched) -> None:
    watched.anvil.submit(watched.contract, 1, watched.us)
    before = watched.look()
    watched.anvil.mine(after=3 * 3600)
    after = watched.look()

    assert after == before, "the time of the last answer stays, so that its age grows"


def test_our_round_is_found_again_after_a_restart_and_stays_known_when_old_blocks_are_not_read(
    watched: Watched,
) -> None:
    watched.anvil.submit(watched.contract, 8, watched.us)
    (again,) = feeds.build(watched.config)
    found = {sample.metric: sample.value for sample in again.observe(0.0)}
    again.close()
    assert found[feeds.SUBMITTED] == 8

    watched.look()
    watched.anvil.mine(feeds.OVERLAP + 5)
    watched.anvil.submit(watched.contract, 9, watched.other)
    assert watched.look()["submitted_round"] == 8


def test_an_endpoint_of_another_chain_is_not_believed(anvil: Anvil, tmp_path: Path) -> None:
    with Anvil(tmp_path, "wrong", chain_id=52) as wrong:
        wrong.mine(anvil.height() + 50)
        watched = Watched(anvil, wrong.url)
        anvil.submit(watched.contract, 3, watched.us)
        assert watched.look()["round"] == 3
        watched.source.close()

        network = watched.config.networks["xdc"]
        only_wrong = network.model_copy(update={"rpc": network.rpc[1:]})
        source = feeds.FeedSource("xdc", only_wrong)
        with pytest.raises(CollectorError, match="on chain 52"):
            list(source.observe(0.0))
        source.close()
