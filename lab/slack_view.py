"""PURE: shows a Slack message in a terminal as a person would read it in Slack."""

import re
import textwrap
from collections.abc import Iterable, Mapping
from typing import Any

from lab.slack_rules import block_texts, text_of

WIDTH = 88
COLOURS = {"good": "green", "warning": "yellow", "danger": "red"}
EMOJI = {
    ":red_circle:": "🔴",
    ":large_orange_circle:": "🟠",
    ":large_yellow_circle:": "🟡",
    ":large_green_circle:": "🟢",
    ":white_check_mark:": "✅",
    ":warning:": "⚠️",
    ":rotating_light:": "🚨",
    ":x:": "❌",
    ":information_source:": "\u2139\ufe0f",
}
LINK = re.compile(r"<(https?://[^|>]+)\|([^>]+)>")
BARE_LINK = re.compile(r"<(https?://[^|>]+)>")
STYLE = re.compile(r"(?<![\w*])\*(\S(?:[^*\n]*\S)?)\*(?![\w*])")


def render(message: Mapping[str, Any]) -> str:
    """The message in lines of at most 90 characters, each after a bar; attachments are indented.

    As in Slack, `text` is hidden when there are blocks: then it is only the notification's text.
    """
    lines = _blocks(message["blocks"]) if message.get("blocks") else _wrap(message.get("text", ""))
    for attachment in message.get("attachments", []):
        lines += _attachment(attachment)
    return "\n".join(f"│ {line}".rstrip() for line in lines)


def readable(text: str) -> str:
    """Slack's markup as plain text: emoji, links, bold and the three escapes."""
    for name, sign in EMOJI.items():
        text = text.replace(name, sign)
    text = BARE_LINK.sub(r"\1", LINK.sub(r"\2 (\1)", text))
    text = STYLE.sub(r"\1", text)
    return text.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")


def _blocks(blocks: Iterable[Mapping[str, Any]]) -> list[str]:
    lines: list[str] = []
    for block in blocks:
        lines += _block(block)
    return lines


def _block(block: Mapping[str, Any]) -> list[str]:
    kind = block.get("type")
    if kind == "divider":
        return ["─" * 40]
    if kind == "header":
        title = readable(text_of(block.get("text")))
        return [title, "═" * min(len(title), WIDTH)]
    if kind == "actions":
        return ["  ".join(f"[ {text_of(element.get('text'))} ]" for element in block.get("elements", []))]
    lines = [line for text in block_texts(block) for line in _wrap(text)]
    return [f"  {line}" for line in lines] if kind == "context" else lines


def _attachment(attachment: Mapping[str, Any]) -> list[str]:
    colour = attachment.get("color")
    lines = [f"[{COLOURS.get(colour, colour)}]"] if colour else []
    for part in ("pretext", "title", "text"):
        lines += _wrap(attachment[part]) if attachment.get(part) else []
    lines += _blocks(attachment.get("blocks", []))
    for field in attachment.get("fields", []):
        lines += _wrap(f"{field.get('title', '')}: {field.get('value', '')}")
    return [f"▌ {line}" for line in lines]


def _wrap(text: str) -> list[str]:
    """Lines of a text; code blocks keep theirs."""
    lines: list[str] = []
    for position, part in enumerate(readable(text).split("```")):
        if position % 2:
            lines += [f"    {line}" for line in part.strip("\n").splitlines()]
            continue
        for line in part.splitlines():
            lines += textwrap.wrap(line, WIDTH, break_long_words=False, break_on_hyphens=False) or [""]
    return lines
