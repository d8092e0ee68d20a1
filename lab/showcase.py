"""The chain and the Slack of docker-compose.yml's profile `demo`: `python -m lab.showcase`.

SIGUSR1 kills the node that produces; it is started again, paused, a minute later. Messages that the Slack
takes are printed.
"""

import argparse
import shutil
import signal
import sys
import threading
import time
from collections.abc import Sequence
from pathlib import Path

from lab.chain import Chain
from lab.server import ServerError, stop_watching
from lab.slack import Slack
from nodekit.http import HttpError

SLACK_PORT = 18880
NODE_PORTS = {"world": 18881, "A": 18882, "B": 18883, "C": 18884}
BACK_AFTER = 60.0


class Showcase:
    """A chain, a Slack, and what is done to them until `stop`."""

    def __init__(self, chain: Chain, slack: Slack) -> None:
        self._chain = chain
        self._slack = slack
        self._stopped = threading.Event()
        self._kill = threading.Event()
        self._shown = 0
        self._back: dict[str, float] = {}

    def stop(self) -> None:
        """End `run`."""
        self._stopped.set()

    def kill(self) -> None:
        """Have the node that produces killed."""
        self._kill.set()

    def run(self) -> None:
        """Show messages, kill and start nodes as asked, until `stop`."""
        while not self._stopped.wait(0.2):
            for message in self._slack.messages[self._shown :]:
                self._shown += 1
                _say(f"Slack:\n{message.shown()}")
            if self._kill.is_set():
                self._kill.clear()
                self._kill_active()
            self._bring_back()

    def _kill_active(self) -> None:
        for node in self._chain.members.values():
            try:
                active = node.running and not node.paused()
            except HttpError:
                continue
            if active:
                _say(f"{node.name} produces and is killed; it is back, paused, in {BACK_AFTER:.0f} s")
                node.kill9()
                self._back[node.name] = time.monotonic() + BACK_AFTER
                return
        _say("none of our nodes produces")

    def _bring_back(self) -> None:
        for name in [name for name, due in self._back.items() if due <= time.monotonic()]:
            del self._back[name]
            self._chain[name].start_paused = True
            self._chain[name].start()
            _say(f"{name} is back, paused")


def main(argv: Sequence[str] | None = None) -> int:
    """Serve until SIGTERM; the exit status."""
    parser = argparse.ArgumentParser(prog="python -m lab.showcase", description="A chain and a Slack.")
    parser.add_argument("--listen", default="127.0.0.1", metavar="ADDRESS")
    parser.add_argument("--folder", type=Path, required=True, help="the chain is below it, made anew")
    arguments = parser.parse_args(argv)
    stopped = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopped.set())
    try:
        _serve(arguments.listen, _fresh(arguments.folder), stopped)
    except ServerError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    finally:
        stop_watching()
    return 0


def _serve(listen: str, folder: Path, stopped: threading.Event) -> None:
    chain = Chain(folder)
    for name, port in NODE_PORTS.items():
        chain[name].serve(listen, port)
    with Slack(listen, SLACK_PORT) as slack, chain:
        chain.load(rate=2.0)
        show = Showcase(chain, slack)
        signal.signal(signal.SIGUSR1, lambda *_: show.kill())
        _say(f"{chain.ours} produces on A; B and C are paused standbys")
        worker = threading.Thread(target=show.run, name="showcase")
        worker.start()
        stopped.wait()
        show.stop()
        worker.join()


def _fresh(folder: Path) -> Path:
    """No chain of an earlier run: it would have stood still since, and its irreversible block with it."""
    shutil.rmtree(folder / "chain", ignore_errors=True)
    return folder / "chain"


def _say(text: str) -> None:
    print(f"{time.strftime('%H:%M:%S', time.gmtime())} {text}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
