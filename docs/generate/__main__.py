"""`python -m docs.generate`: writes docs/reference and names the files that changed."""

import sys
from collections.abc import Callable
from pathlib import Path

from docs.generate import alerts, cli, config, dashboards, metrics

REFERENCE = Path(__file__).resolve().parents[1] / "reference"
PAGES: dict[str, Callable[[], str]] = {
    "metrics.md": metrics.text,
    "alerts.md": alerts.text,
    "config.md": config.text,
    "cli.md": cli.text,
    "dashboards.md": dashboards.text,
}


def texts() -> dict[str, str]:
    """File name → what should be in it."""
    return {name: write() for name, write in PAGES.items()}


def main() -> int:
    """Write what differs; the exit code."""
    REFERENCE.mkdir(exist_ok=True)
    for name, text in texts().items():
        path = REFERENCE / name
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            path.write_text(text, encoding="utf-8")
            sys.stdout.write(f"{path.relative_to(REFERENCE.parents[1])}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
