"""Looks at endpoints as the node would use them: chain, head, and a new block over HTTP and WebSocket."""

import contextlib
import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor

from actuator.agent.rpc_switch.choose import Finding
from actuator.agent.rpc_switch.nodefile import Urls
from nodekit.evm import CHAIN_ID, LATEST, head, quantity
from nodekit.http import HttpError, session
from nodekit.jsonrpc import batch
from nodekit.newheads import NewHeads

STEP = 0.5
"""Seconds between looks at the head over HTTP."""


def probe(
    endpoints: Mapping[str, Urls], within: float, timeout: float, stop: threading.Event
) -> list[Finding]:
    """Look at all endpoints at the same time, for `within` seconds at most once each has told its head."""
    with ThreadPoolExecutor(len(endpoints), thread_name_prefix="rpc-probe") as pool:
        looks = [pool.submit(_look, name, urls, within, timeout, stop) for name, urls in endpoints.items()]
        return [look.result() for look in looks]


def _look(name: str, urls: Urls, within: float, timeout: float, stop: threading.Event) -> Finding:
    with session() as http, contextlib.ExitStack() as stack:
        try:
            chain, latest = batch(http, urls.http, (CHAIN_ID, LATEST), timeout, name)
            first = head(latest)
            if first is None:
                return Finding(name, quantity(chain), trouble="tells no head")
            heads = None if urls.ws is None else stack.enter_context(NewHeads(urls.ws, timeout, name))

            def moved() -> bool:
                newest = head(batch(http, urls.http, (LATEST,), timeout, name)[0])
                return newest is not None and newest.number > first.number

            over_http, over_ws = _await(moved, heads, within, stop)
        except HttpError as error:
            return Finding(name, trouble=str(error).removeprefix(f"{name}: "))
    return Finding(name, quantity(chain), first.number, over_http, over_ws)


def _await(
    moved: Callable[[], bool], heads: NewHeads | None, within: float, stop: threading.Event
) -> tuple[bool, bool | None]:
    """Whether a new block came over HTTP, and over WebSocket (None without one)."""
    deadline = time.monotonic() + within
    over_http, over_ws = False, False
    while (
        not (over_http and (over_ws or heads is None)) and time.monotonic() < deadline and not stop.is_set()
    ):
        over_http = over_http or moved()
        if heads is not None and not over_ws:
            over_ws = heads.wait(STEP) is not None
        elif not over_http:
            stop.wait(STEP)
    return over_http, None if heads is None else over_ws
