"""PURE: messages in WeCom's form, and what its error codes mean.

WeCom answers HTTP 200 to nearly everything; only `errcode` says what came of it, and its text may
change. Sources: developer.work.weixin.qq.com, documents 99110 (group robot), 90236 (app message),
91039 (gettoken), 90313 (global error codes).
"""

import re
from dataclasses import dataclass
from enum import StrEnum

from actuator.message import Message, Tone, cut_bytes, plain
from actuator.notify.budget import Rate

ROBOT_RATES = (Rate(20, 60.0),)
"""20 messages a minute for each robot; refused ones count too."""
APP_RATES = (Rate(30, 60.0), Rate(1000, 3600.0))
"""For each member and app; what is more is silently thrown away by WeCom, so it must never be sent."""
ROBOT_MARKDOWN = 4096
APP_MARKDOWN = 2048
TEXT = 2048
"""Bytes of UTF-8."""
COLOURS = {Tone.GOOD: "info", Tone.WARNING: "warning", Tone.DANGER: "warning"}


class Meaning(StrEnum):
    """What an errcode asks us to do."""

    DELIVERED = "delivered"
    RETRY = "retry"
    FREQUENCY = "frequency"
    """Said too often: a minute of silence."""
    TOKEN = "token"  # noqa: S105 - a word, no credential
    """Get a new access token, once, and send again."""
    SECRET = "secret"  # noqa: S105 - a word, no credential
    """The corp id or secret is wrong; asking again gets our address banned for an hour."""
    RECIPIENT = "recipient"
    PERMISSION = "permission"
    ADDRESS = "address"
    """Our IP address is not among the app's trusted ones."""
    PAYLOAD = "payload"
    GONE = "gone"
    """The robot was removed, disabled, or is not in its group."""


@dataclass(frozen=True, slots=True)
class Code:
    """One row of the table: what it means and what the operator can do."""

    meaning: Meaning
    advice: str = ""


_SECRET = Code(Meaning.SECRET, "check corp_id and secret_file; asking again gets the address banned")
_TOKEN = Code(Meaning.TOKEN)
_RECIPIENT = Code(Meaning.RECIPIENT, "check to_user, to_party, to_tag and the app's visible range")
_PERMISSION = Code(Meaning.PERMISSION, "check agent_id and what the app may do")
_PAYLOAD = Code(Meaning.PAYLOAD)
_GONE = Code(Meaning.GONE, "make a new robot in the group and write its key to key_file")
CODES: dict[int, Code] = {
    0: Code(Meaning.DELIVERED),
    -1: Code(Meaning.RETRY),
    6000: Code(Meaning.RETRY),
    45033: Code(Meaning.RETRY),
    45009: Code(Meaning.FREQUENCY),
    40014: _TOKEN, 42001: _TOKEN, 41001: _TOKEN,
    40001: _SECRET, 40013: _SECRET, 40091: _SECRET,
    40003: _RECIPIENT, 40031: _RECIPIENT, 40032: _RECIPIENT, 81013: _RECIPIENT,
    40056: _PERMISSION, 41011: _PERMISSION, 48002: _PERMISSION, 60011: _PERMISSION, 301002: _PERMISSION,
    60020: Code(Meaning.ADDRESS, "add this machine's address to the app's trusted IPs"),
    40008: _PAYLOAD, 40033: _PAYLOAD, 40035: _PAYLOAD, 40058: _PAYLOAD, 44004: _PAYLOAD, 45002: _PAYLOAD,
    93000: _GONE, 93004: _GONE, 93008: _GONE,
}  # fmt: skip
UNKNOWN = Code(Meaning.RETRY, "this errcode is not in chainwarden's table")


def meaning_of(errcode: int) -> Code:
    """The row of an errcode; an unknown one is tried again, more and more rarely."""
    return CODES.get(errcode, UNKNOWN)


def said(errmsg: str) -> str:
    """An errmsg without its hint, which is another one for each call."""
    return re.sub(r",?\s*hint:\s*\[[^\]]*\]|,?\s*more info at \S+", "", errmsg)[:200]


_LOOK_ALIKES = {ord(sign): chr(ord(sign) + 0xFEE0) for sign in "<>[]*#@"} | {ord("`"): "'"}
"""ASCII sign → its full-width form."""


def markdown(message: Message, *, calls: bool = True) -> str:
    """The message as WeCom markdown. An app cannot call anybody: without `calls` people are only named."""
    lines = [f'**<font color="{COLOURS[message.tone]}">{harmless(message.title)}</font>**']
    for label, text in message.paragraphs:
        body = harmless(text)
        if label in message.quoted:
            body = "\n".join(f"> {line}" for line in body.splitlines())
        lines.append(f"**{harmless(label)}**\n{body}" if label else body)
    if message.links:
        lines.append(" · ".join(f"[{harmless(label)}]({_address(url)})" for label, url in message.links))
    if message.mentions:
        names = [who.removeprefix("@") for who in message.mentions]
        lines.append(" ".join(f"<@{name}>" if calls else f"@{name}" for name in names))
    return "\n".join(lines)


def harmless(text: str) -> str:
    """Text in which nothing is markup: there is no escape in WeCom, so look-alikes stand in."""
    return text.translate(_LOOK_ALIKES)


def _address(url: str) -> str:
    return url.replace("(", "%28").replace(")", "%29").replace(" ", "%20").replace("<", "%3C")


def text_form(message: Message) -> str:
    """The message as bare text; in it only `mentioned_list` calls anybody."""
    return cut_bytes(plain(message), TEXT)


def fits(message: Message, limit: int, *, simple: bool) -> bool:
    """Whether the message needs at most the bytes that WeCom takes."""
    content = plain(message) if simple else markdown(message)
    return len(content.encode()) <= (TEXT if simple else limit)
