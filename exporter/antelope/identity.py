"""PURE: which chain the nodes of a chain have to run."""

from collections.abc import Sequence


class Identity:
    """The chain id that is configured; else the one that most nodes say, the first of them in a tie."""

    def __init__(self, configured: str | None, nodes: Sequence[str]) -> None:
        self._configured = configured
        self._nodes = nodes
        self._said: dict[str, str | None] = {}

    def note(self, node: str, chain_id: str | None) -> None:
        """What a node says; one that does not answer keeps what it said."""
        self._said[node] = chain_id or self._said.get(node)

    @property
    def right(self) -> str | None:
        """The id; None while it is unknown, because a node was not asked yet or none answered."""
        if self._configured is not None:
            return self._configured
        if len(self._said) < len(self._nodes):
            return None
        said = [chain_id for node in self._nodes if (chain_id := self._said[node]) is not None]
        return max(said, key=said.count, default=None)
