"""Brings a chain back to its healthy state, whatever a test did to it."""

from lab.chain import Chain
from lab.node import Node
from lab.server import ServerError, poll
from nodekit.http import HttpError

CATCH_UP = 6.0
"""Seconds for a node to catch up by itself; one that hung can take 20 s, then a restart is quicker."""


def heal(chain: Chain, active: str = "A") -> None:
    """All nodes run, are linked and in sync; `active` produces and every other member is paused.

    Members are paused before the active one is resumed, so that healing never produces twice.
    Raises ServerError when a node cannot be brought back.
    """
    for node in chain.nodes:
        _revive(node)
    for node in chain.members.values():
        if node.name != active:
            node.pause()
    for node in chain.nodes:
        if node.links() < len(chain.nodes) - 1 or node.is_cut:
            node.mend()
    if not poll(chain.in_sync, CATCH_UP):
        _restart_stragglers(chain)
    chain[active].resume()


def _revive(node: Node) -> None:
    """Wake or start a node; a member starts paused."""
    if node.running:
        node.wake()
        try:
            node.await_ready(CATCH_UP)
        except ServerError:
            node.restart(paused=not node.spec.starts_chain)
    else:
        node.restart(paused=not node.spec.starts_chain)


def _restart_stragglers(chain: Chain) -> None:
    for node in chain.members.values():
        if not _on_chain(chain, node):
            node.restart(paused=True)
            node.mend()
    if not poll(chain.in_sync, 4 * CATCH_UP):
        raise ServerError("the nodes did not get in sync again")


def _on_chain(chain: Chain, node: Node) -> bool:
    try:
        return chain.follows(node)
    except HttpError:
        return False
