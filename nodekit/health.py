"""Whether an address answers 200, for the healthcheck of a container that has no other tool for it.

`python -m nodekit.health URL`: exit status 0 or 1.
"""

import sys
import urllib.error
import urllib.request
from collections.abc import Sequence

TIMEOUT = 3.0


def main(argv: Sequence[str] | None = None) -> int:
    """Exit status 0: it answered 200; 1: anything else, said on standard error."""
    arguments = sys.argv[1:] if argv is None else argv
    if len(arguments) != 1 or not arguments[0].startswith("http://"):
        sys.stderr.write("write python -m nodekit.health http://ADDRESS\n")
        return 1
    try:
        with urllib.request.urlopen(arguments[0], timeout=TIMEOUT) as answer:  # noqa: S310 - checked above
            status = int(answer.status)
    except (OSError, urllib.error.URLError) as error:
        sys.stderr.write(f"{arguments[0]}: {error}\n")
        return 1
    return 0 if status == 200 else 1


if __name__ == "__main__":
    sys.exit(main())
