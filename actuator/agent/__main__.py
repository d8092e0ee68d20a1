"""`chainwarden-agent`: not built yet; it refuses with that reason rather than pretend to run."""

import argparse
import sys
from importlib.metadata import version


def main(argv: list[str] | None = None) -> int:
    """Exit status 1: there is no agent in this version."""
    parser = argparse.ArgumentParser(prog="chainwarden-agent", description="The agent on a node's host.")
    parser.add_argument("--version", action="version", version=f"chainwarden-agent {version('chainwarden')}")
    parser.parse_args(argv)
    sys.stderr.write("chainwarden-agent: this version has no agent yet; nothing was started\n")
    return 1


if __name__ == "__main__":
    sys.exit(main())
