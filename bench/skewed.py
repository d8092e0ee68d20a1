"""The exporter on a host whose clock is AHEAD seconds ahead: python -m bench.skewed ARGUMENTS."""

import sys
import time

AHEAD = 3.0

_right = time.time
time.time = lambda: _right() + AHEAD

if __name__ == "__main__":
    from exporter.__main__ import main  # after the clock: modules keep `time.time` as a default

    sys.exit(main())
