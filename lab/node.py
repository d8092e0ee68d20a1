"""One nodeos of the lab chain, with everything that a test does to it."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from lab.binaries import Antelope
from lab.packing import KeyPair
from lab.ports import free_port
from lab.server import Server, ServerError, poll
from nodekit.answers import ChainInfo
from nodekit.http import HttpError, request, session
from nodekit.nodeos import Nodeos

PLUGINS = ("chain_api", "http", "producer", "producer_api", "net", "net_api", "db_size_api")
DIALS = 3
"""Times that missing links are dialled before they count as broken."""
CALL_TIMEOUT = 3.0
"""Seconds; a busy node on two cores answers well within it."""
PEER_LIMIT = "100"
"""nodeos refuses a second peer from one host unless told otherwise; here all are 127.0.0.1."""


@dataclass(frozen=True, slots=True)
class NodeSpec:
    """What a node is: its producers, its key, whether it may start a chain nobody continues."""

    name: str
    producers: tuple[str, ...]
    key: KeyPair
    starts_chain: bool = False
    extra: tuple[str, ...] = ()
    """Further nodeos arguments; own `--http-server-address` and `--chain-state-db-size-mb` replace ours."""


class Node(Server):
    """A nodeos process. Calls of its HTTP API raise `nodekit.http.HttpError` when it is down or hung."""

    def __init__(self, spec: NodeSpec, folder: Path, antelope: Antelope, genesis: Path) -> None:
        super().__init__(spec.name, folder)
        self.spec = spec
        self.http_port = free_port()
        self.p2p_port = free_port()
        self.url = f"http://127.0.0.1:{self.http_port}"
        self.reader = Nodeos(self.url, timeout=CALL_TIMEOUT)
        self.start_paused = False
        """Whether the next start gets `--pause-on-startup`."""
        self.is_cut = False
        self.dials: list[Node] = []
        self.dialled_by: list[Node] = []
        self._antelope = antelope
        self._genesis = genesis
        self._writer = session()
        self._listen = "127.0.0.1"

    def serve(self, listen: str, port: int) -> None:
        """Before the first start: serve the API at this address, for others than this machine as well."""
        self.reader.close()
        self._listen, self.http_port = listen, port
        self.url = f"http://127.0.0.1:{port}"
        self.reader = Nodeos(self.url, timeout=CALL_TIMEOUT)

    # --- the process -----------------------------------------------------------------------------

    def environment(self) -> dict[str, str]:
        """What the wheel's program needs."""
        return self._antelope.environment()

    def command(self) -> Sequence[str]:
        """The nodeos argv for the next start, after a crash with a replay of its blocks."""
        argv = [str(self._antelope.program), "nodeos", *self._places(), *self._limits()]
        for plugin in PLUGINS:
            argv += ["--plugin", f"eosio::{plugin}_plugin"]
        for producer in self.spec.producers:
            argv += ["--producer-name", producer]
        argv += ["--signature-provider", f"{self.spec.key.public}=KEY:{self.spec.key.private}"]
        for peer in self.dials:
            if not (peer.is_cut or self.is_cut):
                argv += ["--p2p-peer-address", peer.p2p_address]
        if self.spec.starts_chain:
            argv.append("--enable-stale-production")
        if self.start_paused:
            argv.append("--pause-on-startup")
        return [*argv, *self._history(), *self.spec.extra]

    def _places(self) -> list[str]:
        folders = ["--data-dir", str(self.dir / "data"), "--config-dir", str(self.dir / "config")]
        http = ["--http-server-address", f"{self._listen}:{self.http_port}", "--http-validate-host", "false"]
        own_http = any(word.startswith("--http-server-address") for word in self.spec.extra)
        p2p = ["--p2p-listen-endpoint", self.p2p_address, "--p2p-max-nodes-per-host", PEER_LIMIT]
        return [*folders, *([] if own_http else http), *p2p, "--agent-name", self.name]

    def _limits(self) -> list[str]:
        """Small memory, few threads: eight nodes have to fit on two cores."""
        own_size = "--chain-state-db-size-mb" in self.spec.extra
        size = [] if own_size else ["--chain-state-db-size-mb", "256"]
        sizes = [*size, "--eos-vm-oc-enable", "none", "--wasm-runtime", "eos-vm-jit"]
        threads = ["--chain-threads", "2", "--net-threads", "2", "--http-threads", "2"]
        times = ["--max-transaction-time", "200", "--http-max-response-time-ms", "200"]
        return [*sizes, *threads, *times]

    def _history(self) -> list[str]:
        """Genesis on the first start; a replay when the last run did not close its state properly.

        A nodeos that was killed exits with code 2 ("database dirty flag set") when started plainly.
        """
        if not (self.dir / "data" / "blocks").exists():
            return ["--genesis-json", str(self._genesis)]
        return ["--hard-replay-blockchain"] if self.exit_code else []

    def ready(self) -> bool:
        """Whether the HTTP API answers; it is the last thing that nodeos opens."""
        try:
            self.reader.info()
        except HttpError:
            return False
        return True

    def restart(self, *, paused: bool = True) -> None:
        """Stop the node if it runs and start it again, with or without `--pause-on-startup`."""
        self.stop()
        self.start_paused = paused
        self.start()

    def close(self) -> None:
        """Stop the node for good and drop its kept HTTP connections."""
        self.stop()
        self.reader.close()
        self._writer.close()

    # --- the HTTP API ----------------------------------------------------------------------------

    def info(self) -> ChainInfo:
        """Head and last irreversible block."""
        return self.reader.info()

    def paused(self) -> bool:
        """Whether the node says that it does not produce."""
        return self.reader.paused()

    def pause(self) -> None:
        """Stop producing; a block in progress is still finished."""
        self._post("/v1/producer/pause")

    def resume(self) -> None:
        """Produce again, in the middle of a window if need be."""
        self._post("/v1/producer/resume")

    # --- the network -----------------------------------------------------------------------------

    @property
    def p2p_address(self) -> str:
        """host:port that peers dial."""
        return f"127.0.0.1:{self.p2p_port}"

    def cut(self) -> None:
        """Separate the node from all peers until `mend`, while its HTTP API stays reachable.

        Every link is dropped with `net/disconnect` by the side that dialled it, which also forgets
        the address, so that nobody dials again by itself; starts in the meantime leave the link out.
        All nodes that run must answer. Raises ServerError when a link is still up after 5 s.
        """
        self.is_cut = True
        for dialler, dialled in self._links():
            dialler._net("disconnect", dialled)
        self._await_links(0)

    def mend(self) -> None:
        """Link the node with all running peers: after `cut`, or where a restart left links down.

        nodeos itself tries a lost peer again only every 30 s, and `net/connect` does nothing while
        the address is still on its list; so a missing link is forgotten first, then dialled; again when
        that came to nothing, which happens on a busy machine.
        Raises ServerError when a link is missing after DIALS times 5 s.
        """
        self.is_cut = False
        links = self._links()
        for last in (dial == DIALS for dial in range(1, DIALS + 1)):
            for dialler, dialled in links:
                if not dialler._reaches(dialled):
                    dialler._net("disconnect", dialled)
                    dialler._net("connect", dialled)
            if self._await_links(len(links), needed=last):
                return

    def links(self) -> int:
        """Number of peers that the node is connected with."""
        return sum(peer.connected for peer in self.reader.peers())

    def _links(self) -> list[tuple["Node", "Node"]]:
        """(who dials, who is dialled) for each peer that runs and is not cut itself."""
        if not self.running:
            return []
        both = [(self, peer) for peer in self.dials] + [(peer, self) for peer in self.dialled_by]
        return [pair for pair in both if all(node is self or node._linkable for node in pair)]

    @property
    def _linkable(self) -> bool:
        return self.running and not self.is_cut

    def _reaches(self, dialled: "Node") -> bool:
        return any(peer.address == dialled.p2p_address and peer.connected for peer in self.reader.peers())

    def _net(self, verb: str, dialled: "Node") -> None:
        self._post(f"/v1/net/{verb}", dialled.p2p_address)

    def _await_links(self, wanted: int, *, needed: bool = True) -> bool:
        if poll(lambda: not self.running or self.links() == wanted, 5.0):
            return True
        if needed:
            found = self.links()
            raise ServerError(f"{self.name} has {found} links after 5 s, not {wanted}\n{self.log_tail()}")
        return False

    def _post(self, path: str, body: object = None) -> None:
        data = b"" if body is None else json.dumps(body).encode()
        request(self._writer, "POST", self.url + path, timeout=CALL_TIMEOUT, body=data, shown=self.url + path)
