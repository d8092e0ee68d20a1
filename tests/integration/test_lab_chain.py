"""What can be done to the nodes of a real chain, and that it does what its name says."""

from pathlib import Path

import pytest

from lab.chain import Chain
from lab.health import heal
from lab.server import ServerError, poll
from nodekit.http import HttpError, Reason
from nodekit.nodeos import Nodeos


def test_a_healthy_chain_has_the_schedule_active_and_one_active_member(chain: Chain) -> None:
    assert len(chain.schedule) == 4
    assert chain.active_schedule() == chain.schedule
    assert {name: node.paused() for name, node in chain.members.items()} == {"A": False, "B": True, "C": True}
    assert chain.in_sync()
    assert all(node.links() == 3 for node in chain.nodes)


def test_a_killed_node_refuses_connections_and_comes_back_paused(chain: Chain) -> None:
    node = chain["A"]
    node.kill9()
    with pytest.raises(HttpError) as refused:
        node.info()
    assert refused.value.reason is Reason.REFUSED
    assert (node.running, node.pids(), node.exit_code) == (False, [], -9)
    node.restart(paused=True)
    assert node.paused()
    assert poll(chain.in_sync, 10.0)


def test_a_node_restarted_without_the_flag_is_ready_to_produce(chain: Chain) -> None:
    chain["A"].pause()
    chain["B"].restart(paused=False)
    assert not chain["B"].paused()


def test_a_stopped_node_ends_cleanly_and_needs_no_replay(chain: Chain) -> None:
    node = chain["C"]
    node.stop()
    assert node.exit_code == 0
    assert "--hard-replay-blockchain" not in node.command()
    node.restart()
    assert poll(chain.in_sync, 10.0)


def test_a_hanging_node_accepts_and_never_answers_until_it_wakes(chain: Chain) -> None:
    node = chain["C"]
    impatient = Nodeos(node.url, timeout=0.3)
    node.hang()
    with pytest.raises(HttpError) as silent:
        impatient.info()
    impatient.close()
    assert silent.value.reason is Reason.TIMEOUT
    assert node.running
    node.wake()
    assert node.info().head_num > 0


def test_a_cut_node_stays_behind_until_it_is_mended(chain: Chain) -> None:
    node = chain["B"]
    node.cut()
    assert node.links() == 0
    assert all(peer.links() == 2 for peer in chain.nodes if peer is not node)
    # A block that was on its way may still arrive; after that the node stands still.
    assert poll(lambda: chain.world.info().head_num > node.info().head_num + 3, 20.0)
    node.mend()
    assert node.links() == 3
    assert poll(chain.in_sync, 10.0)


def test_a_node_that_restarts_while_cut_stays_cut(chain: Chain) -> None:
    node = chain["B"]
    node.cut()
    node.restart(paused=True)
    assert node.links() == 0
    node.mend()
    assert poll(chain.in_sync, 10.0)


def test_transactions_flow(chain: Chain) -> None:
    load = chain.load()
    before = load.sent
    assert poll(lambda: load.sent >= before + 4, 10.0)


def test_a_damaged_chain_is_healed(chain: Chain) -> None:
    chain["A"].kill9()
    chain["B"].cut()
    chain["C"].hang()
    heal(chain)
    assert {name: node.paused() for name, node in chain.members.items()} == {"A": False, "B": True, "C": True}
    assert chain.in_sync()
    assert all(node.links() == 3 for node in chain.nodes)


def test_a_chain_that_cannot_start_says_why_and_leaves_nothing_running(chain_folder: Path) -> None:
    chain = Chain(chain_folder, extra={"B": ["--no-such-option"]})
    with pytest.raises(ServerError, match=r"(?s)B ended with code.*no-such-option"):
        chain.start()
    assert not any(node.running or node.pids() for node in chain.nodes)


def test_a_schedule_that_antelope_cannot_hold_is_refused(chain_folder: Path) -> None:
    with pytest.raises(ValueError, match="2 to 21"):
        Chain(chain_folder, producers=22)
