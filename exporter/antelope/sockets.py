"""p2p links by the socket table of a nodeos on this host: for nodes that keep their net API closed.

A socket shows no handshake: a link that is being refused counts for a moment.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

import psutil


@dataclass(frozen=True, slots=True)
class Socket:
    """An open TCP socket: its ports, and whether it listens or is connected."""

    local_port: int
    remote_port: int
    listens: bool


def links(sockets: Sequence[Socket], http_port: int) -> tuple[int, int]:
    """Inbound and outbound links among a process's sockets: those to a port on which it listens are inbound;
    HTTP connections are none."""
    listening = {socket.local_port for socket in sockets if socket.listens}
    open_ones = [socket for socket in sockets if not socket.listens and socket.local_port != http_port]
    inbound = sum(1 for socket in open_ones if socket.local_port in listening)
    return inbound, len(open_ones) - inbound


def local_links(url: str) -> tuple[int, int] | None:
    """Links of the process that serves an address of this host; None when it is not here or hidden."""
    parts = urlsplit(url)
    port = parts.port or 80
    if parts.hostname not in own_addresses():
        return None
    try:
        table = psutil.net_connections(kind="tcp")
    except psutil.AccessDenied:
        return None
    owners = {
        row.pid
        for row in table
        if row.status == psutil.CONN_LISTEN and row.laddr and row.laddr.port == port and row.pid
    }
    if len(owners) != 1:
        return None
    pid = owners.pop()
    mine = [
        Socket(row.laddr.port, row.raddr.port if row.raddr else 0, row.status == psutil.CONN_LISTEN)
        for row in table
        if row.laddr and row.pid == pid and row.status in (psutil.CONN_LISTEN, psutil.CONN_ESTABLISHED)
    ]
    return links(mine, port)


def own_addresses() -> set[str]:
    """Addresses and names under which this host reaches itself."""
    found = {"localhost"}
    for rows in psutil.net_if_addrs().values():
        found.update(row.address for row in rows)
    return found
