"""PURE: shows Slack messages as a web page, much as Slack shows them, for pictures in the docs."""

import re
from collections.abc import Iterable, Mapping
from html import escape
from typing import Any

from lab.slack_rules import text_of

COLOURS = {"good": "#2eb886", "warning": "#daa038", "danger": "#a30200"}
LINK = re.compile(r"&lt;(https?://.*?)\|(.*?)&gt;")
MENTION = re.compile(r"&lt;(?:@|!subteam\^|!)(.*?)&gt;")
BOLD = re.compile(r"(?<![\w*])\*(\S(?:[^*\n]*\S)?)\*(?![\w*])")
FENCE = re.compile(r"```(.*?)```", re.DOTALL)
CODE = re.compile(r"`([^`\n]+)`")
STYLE = """
body{font:15px/1.45 Lato,"Helvetica Neue",Arial,sans-serif;color:#1d1c1d;margin:14px 18px;width:720px}
.m{display:flex;margin:0 0 18px}.i{width:36px;height:36px;border-radius:6px;background:#37474f;color:#fff;
font-weight:700;text-align:center;line-height:36px;margin-right:9px;flex:none}.b{flex:1}.n b{font-weight:900}
.n span{background:#e8e8e8;border-radius:3px;font-size:10px;padding:1px 4px;color:#616061;margin-left:4px}
h3{font-size:17px;margin:2px 0 6px}.a{border-left:4px solid;border-radius:4px;padding-left:12px}
.s{margin:0 0 7px;white-space:pre-wrap}.c{font-size:13px;color:#616061}a{color:#1264a3;text-decoration:none}
pre{background:#f8f8f8;border:1px solid #ddd;border-radius:4px;padding:7px;margin:4px 0;font-size:12px;
white-space:pre-wrap}
code{background:#f6f6f6;border:1px solid #ddd;border-radius:3px;color:#c01343;padding:1px 3px;font-size:12px}
mark{background:#fff3b8;color:#1264a3;border-radius:3px;padding:0 2px}
"""


def page(messages: Iterable[Mapping[str, Any]]) -> str:
    """A page with the messages of one channel, oldest first."""
    return f"<!doctype html><meta charset=utf-8><style>{STYLE}</style>{''.join(map(_message, messages))}"


def _message(payload: Mapping[str, Any]) -> str:
    parts = [_block(block) for block in payload.get("blocks", [])]
    for attachment in payload.get("attachments", []):
        colour = COLOURS.get(attachment.get("color", ""), "#ddd")
        inner = "".join(_block(block) for block in attachment.get("blocks", []))
        parts.append(f'<div class=a style="border-color:{colour}">{inner}</div>')
    who = "<div class=n><b>chainwarden</b><span>APP</span></div>"
    return f"<div class=m><div class=i>cw</div><div class=b>{who}{''.join(parts)}</div></div>"


def _block(block: Mapping[str, Any]) -> str:
    kind = block.get("type")
    if kind == "header":
        return f"<h3>{escape(text_of(block.get('text')))}</h3>"
    if kind == "context":
        return f"<div class=c>{' '.join(mrkdwn(text_of(item)) for item in block.get('elements', []))}</div>"
    return f"<div class=s>{mrkdwn(text_of(block.get('text')))}</div>"


def mrkdwn(text: str) -> str:
    """Slack's markup as HTML; what is escaped in it stays text."""
    fenced = FENCE.split(text)
    if len(fenced) > 1:
        # what is escaped for Slack is escaped for HTML, too
        return "".join(
            f"<pre>{part}</pre>" if position % 2 else mrkdwn(part) for position, part in enumerate(fenced)
        )
    raw = text.replace("&lt;", "\0<").replace("&gt;", "\0>").replace("&amp;", "&")
    shown = escape(raw.replace("\0<", "\1").replace("\0>", "\2"))
    shown = LINK.sub(r'<a href="\1">\2</a>', shown)
    shown = MENTION.sub(r"<mark>@\1</mark>", shown)
    shown = CODE.sub(r"<code>\1</code>", BOLD.sub(r"<b>\1</b>", shown))
    return shown.replace("\1", "&lt;").replace("\2", "&gt;")
