"""PURE: pieces of Markdown."""

import re
from collections.abc import Iterable, Sequence


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    """Lines of a table; a `|` in a cell would end it, so it is escaped."""
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    lines += ["| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |" for row in rows]
    return lines


def code(text: str) -> str:
    """Inline code; nothing for no text."""
    return f"`{text}`" if text else ""


def sentence(text: str) -> str:
    """One line that begins with a capital letter and ends with a full stop."""
    line = " ".join(text.split())
    return line[:1].upper() + line[1:] + ("" if line.endswith((".", "…")) else ".") if line else ""


def anchor(heading: str) -> str:
    """The anchor that GitHub gives a heading: lower case, no punctuation, hyphens for spaces."""
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")


def page(title: str, *parts: Sequence[str]) -> str:
    """A whole page that says where it comes from."""
    note = "<!-- Written by `make docs` from the code. Change it there. -->"
    blocks = ["\n".join(part) for part in ([f"# {title}", "", note], *parts) if part]
    return "\n\n".join(blocks) + "\n"
