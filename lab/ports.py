"""Free loopback ports that stay free until their server binds them."""

import random
import socket
import threading

LOW, HIGH = 20_000, 32_000
"""Below Linux's range for outgoing connections (32768 up), whose next one could otherwise take the
port of a server that is being restarted."""

_given: set[int] = set()
_lock = threading.Lock()


def free_port() -> int:
    """A loopback TCP port that nobody listens on and that this process was not given before.

    Raises RuntimeError when a thousand tries found none.
    """
    with _lock:
        for _ in range(1000):
            port = random.randrange(LOW, HIGH)
            if port not in _given and _bindable(port):
                _given.add(port)
                return port
    raise RuntimeError(f"no free port between {LOW} and {HIGH}")


def _bindable(port: int) -> bool:
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True
