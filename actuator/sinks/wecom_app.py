"""Sink `wecom_app`: messages of a WeCom app to members, departments or tags. At least once.

`enable_duplicate_check` lets WeCom itself drop the same message within half an hour, so that sending
again after a timeout is harmless.
"""

import json
from typing import Any

from actuator.configs.sinks import WecomAppSink
from actuator.ledger import Ledger
from actuator.message import Message
from actuator.notify.budget import Rate
from actuator.sinks import wecom
from actuator.sinks.sending import Sending, http_verdict, post_json, reveal, without
from actuator.sinks.token import Given, SharedToken
from actuator.sinks.verdict import Outcome, Verdict, sendable
from actuator.sinks.wecom import Meaning
from actuator.sinks.wecom_robot import judged
from nodekit.http import HttpError, request, session

NAME = "wecom_app"
DUPLICATES = 1800
"""Seconds in which WeCom drops a message that it has had already."""


class _RefusedError(Exception):
    """No token was given."""

    def __init__(self, verdict: Verdict) -> None:
        super().__init__(verdict.detail)
        self.verdict = verdict


class WecomApp:
    """Sends to the members that the configuration names."""

    rates: tuple[Rate, ...] = wecom.APP_RATES
    remembers = float(DUPLICATES)

    def __init__(self, name: str, config: WecomAppSink, ledger: Ledger) -> None:
        self._shown = f"WeCom app ({name})"
        self._config = config
        self._http = session()
        self._token = SharedToken(ledger, f"wecom/{config.corp_id}/{config.agent_id}", self._ask)

    def fits(self, message: Message, *, simple: bool = False) -> bool:
        """Whether WeCom takes the message in one piece."""
        return wecom.fits(message, wecom.APP_MARKDOWN, simple=simple)

    def send(self, message: Message, sending: Sending) -> Verdict:
        """Send one message; a token that ended early is replaced once. Raises UnreadableSecretError."""
        if not sendable(self._config.api_url):
            return Verdict(Outcome.BROKEN, f"{self._shown}: api_url is neither https nor local")
        secret = reveal(self._config.secret_file)
        body = self._body(message, simple=sending.simple)
        try:
            token = self._token.get(secret)
            verdict, renew = self._post(body, token, secret)
            if renew:
                verdict, _ = self._post(body, self._token.get(secret, refused=token), secret)
        except _RefusedError as error:
            return error.verdict
        except TimeoutError as error:
            return Verdict(Outcome.LATER, f"{self._shown}: {error}")
        return verdict

    def _body(self, message: Message, *, simple: bool) -> dict[str, Any]:
        config = self._config
        body: dict[str, Any] = {
            "agentid": config.agent_id,
            "enable_duplicate_check": 1,
            "duplicate_check_interval": DUPLICATES,
        }
        for member, names in (
            ("touser", config.to_user), ("toparty", config.to_party), ("totag", config.to_tag)
        ):  # fmt: skip
            if names:
                body[member] = "|".join(names)
        if simple:
            return {**body, "msgtype": "text", "text": {"content": wecom.text_form(message)}}
        return {**body, "msgtype": "markdown", "markdown": {"content": wecom.markdown(message, calls=False)}}

    def _post(self, body: dict[str, Any], token: str, secret: str) -> tuple[Verdict, bool]:
        """The verdict, and whether the token must be replaced."""
        url = f"{self._config.api_url}/cgi-bin/message/send?access_token={token}"
        try:
            raw = post_json(self._http, url, body, self._config.timeout, self._shown)
        except HttpError as error:
            return http_verdict(error, (token, secret)), False
        verdict = judged(raw, self._shown, (token, secret))
        if verdict.outcome is Outcome.DELIVERED:
            return _to_whom(raw, verdict), False
        return verdict, _meaning(raw) is Meaning.TOKEN

    def _ask(self, secret: str) -> Given:
        """A new token. Raises _RefusedError."""
        url = f"{self._config.api_url}/cgi-bin/gettoken?corpid={self._config.corp_id}&corpsecret={secret}"
        try:
            raw = request(self._http, "GET", url, timeout=self._config.timeout, shown=self._shown).body
        except HttpError as error:
            raise _RefusedError(_not_sent(http_verdict(error, (secret,)))) from None
        verdict = judged(raw, f"{self._shown} token", (secret,))
        if verdict.outcome is not Outcome.DELIVERED:
            raise _RefusedError(_not_sent(verdict))
        answer = json.loads(raw)
        token, lifetime = answer.get("access_token"), answer.get("expires_in", 7200)
        if not isinstance(token, str) or not token or not isinstance(lifetime, int):
            raise _RefusedError(Verdict(Outcome.LATER, f"{self._shown}: no access token in the answer"))
        return Given(token, float(lifetime))


def _not_sent(verdict: Verdict) -> Verdict:
    """Without a token nothing was sent, so nothing can have arrived."""
    if verdict.outcome in (Outcome.MAYBE, Outcome.SIMPLER):
        return Verdict(Outcome.LATER, verdict.detail)
    return verdict


def _meaning(raw: bytes) -> Meaning | None:
    try:
        return wecom.meaning_of(int(json.loads(raw)["errcode"])).meaning
    except (ValueError, TypeError, KeyError):
        return None


def _to_whom(raw: bytes, verdict: Verdict) -> Verdict:
    """Who did not get it, although WeCom says ok."""
    answer = json.loads(raw)
    names = ("invaliduser", "invalidparty", "invalidtag", "unlicenseduser")
    missed = [f"{name} {answer[name]}" for name in names if answer.get(name)]
    if not missed:
        return verdict
    return Verdict(Outcome.PARTIAL, without(f"{verdict.detail}, but not to {', '.join(missed)}"[:300], ()))
