"""What actuator.yml may say of sinks: where messages go."""

from datetime import datetime
from typing import Annotated, Literal, Self
from zoneinfo import ZoneInfo

from pydantic import BeforeValidator, Field, model_validator
from pydantic_core import PydanticCustomError

from nodekit.settings import Duration, Secret, Settings
from nodekit.words import HttpUrl, Name, OneOrMany, Time

Language = Literal["en", "zh", "ja"]


def _zone(name: object) -> object:
    try:
        return ZoneInfo(str(name))
    except (OSError, ValueError, KeyError):
        raise PydanticCustomError("zone", "write a time zone such as Asia/Shanghai or UTC") from None


def _moment(text: object) -> object:
    try:
        return datetime.fromisoformat(str(text))
    except ValueError:
        raise PydanticCustomError("moment", "write a time such as 2026-12-01T09:00") from None


Zone = Annotated[ZoneInfo, BeforeValidator(_zone)]
"""A time zone by its IANA name."""
Moment = Annotated[datetime, BeforeValidator(_moment)]
"""A time in ISO 8601."""


class Limit(Settings):
    """At most `messages` within `per`."""

    messages: int = Field(ge=1)
    """How many."""
    per: Time
    """Within which time."""


class Rota(Settings):
    """Who is on call: each member in turn, from `start` on."""

    members: tuple[str, ...] = Field(min_length=1)
    """The channel's own ids, in turn."""
    start: Moment
    """When the first one's turn begins."""
    turn: Time
    """How long a turn is."""
    timezone: Zone = ZoneInfo("UTC")
    """Of `start`."""


class _Sink(Settings):
    """What every sink may say."""

    language: Language | None = None
    """Of its messages; `notify.language` when left out."""
    timeout: Duration = 5.0
    """How long one request may take."""
    rate: Limit | None = None
    """Fewer messages than the channel allows, for instance because somebody else uses it too."""
    group_wait: Duration = 0.0
    """What is not critical waits so long for others of the same alert name, to share a message."""
    remind: Time | None = None
    """A critical alert that goes on is told again so often."""
    mention: dict[str, Annotated[tuple[str, ...], OneOrMany]] = Field(default_factory=dict)
    """Severity → who is called: the channel's own ids, or `oncall` for who has the rota's turn."""
    rota: Rota | None = None
    fallback: Name | None = None
    """Where messages go while this sink is broken for good."""

    @model_validator(mode="after")
    def _somebody_is_on_call(self) -> Self:
        if self.rota is None and any("oncall" in names for names in self.mention.values()):
            raise PydanticCustomError("rota", "`mention` names oncall: write who that is in `rota`")
        return self


class SlackSink(_Sink):
    """A Slack incoming webhook, or a Slack app with a bot token; both are credentials and stand in files."""

    type: Literal["slack"]
    webhook_url_file: Secret | None = None
    """The incoming webhook's address."""
    bot_token_file: Secret | None = None
    """The app's `xoxb-…` token, instead of a webhook."""
    channel: str | None = None
    """The channel's id, with a bot token: then a resolve goes below its alert and turns it green."""
    api_url: HttpUrl = "https://slack.com/api"
    """Where Slack's API is."""

    @model_validator(mode="after")
    def _one_way_in(self) -> Self:
        if (self.webhook_url_file is None) == (self.bot_token_file is None):
            raise PydanticCustomError("slack", "write exactly one of webhook_url_file, bot_token_file")
        if (self.bot_token_file is None) != (self.channel is None):
            raise PydanticCustomError("slack", "bot_token_file and channel go together")
        return self


class WecomRobotSink(_Sink):
    """A WeCom group robot (message push); the key in its URL is a credential."""

    type: Literal["wecom_robot"]
    key_file: Secret
    """The `key` in the robot's address."""
    api_url: HttpUrl = "https://qyapi.weixin.qq.com"
    """Where WeCom's API is."""


class WecomAppSink(_Sink):
    """A WeCom app that writes to members, departments or tags."""

    type: Literal["wecom_app"]
    corp_id: str
    """The company's id, `ww…`."""
    agent_id: int
    """The app's number."""
    secret_file: Secret
    """The app's secret."""
    to_user: Annotated[tuple[str, ...], OneOrMany] = ()
    """Members by id, or `@all`."""
    to_party: Annotated[tuple[str, ...], OneOrMany] = ()
    """Departments by id."""
    to_tag: Annotated[tuple[str, ...], OneOrMany] = ()
    """Tags by id."""
    api_url: HttpUrl = "https://qyapi.weixin.qq.com"
    """Where WeCom's API is."""

    @model_validator(mode="after")
    def _somebody(self) -> Self:
        if not (self.to_user or self.to_party or self.to_tag):
            raise PydanticCustomError(
                "to", 'write at least one of to_user ("@all" for all), to_party, to_tag'
            )
        return self


class Success(Settings):
    """What an answer must be for a message to count as delivered."""

    status: tuple[int, ...] = (200, 201, 202, 204)
    """HTTP statuses that are good."""
    contains: str | None = None
    """Text that the answer contains, for gateways that say 200 to everything."""
    json_field: str | None = None
    """Dotted path of a value in a JSON answer…"""
    equals: Annotated[tuple[str, ...], OneOrMany] = ()
    """…and the texts of which it must be one."""

    @model_validator(mode="after")
    def _both(self) -> Self:
        if (self.json_field is None) != (not self.equals):
            raise PydanticCustomError("success", "json_field and equals go together")
        return self


class WebhookSink(_Sink):
    """Any HTTP request: SMS gateways and whatever has no sink of its own. Texts are Jinja2 templates."""

    type: Literal["webhook"]
    url_file: Secret
    """The URL, which often is a credential."""
    method: Literal["GET", "POST", "PUT"] = "POST"
    """Of the request."""
    query: dict[str, str] = Field(default_factory=dict)
    """Parameters after the `?`; values are templates."""
    headers: dict[str, str] = Field(default_factory=dict)
    """Further headers; values are templates."""
    json_body: dict[str, object] | None = None
    """A JSON body; texts in it are templates."""
    form_body: dict[str, str] | None = None
    """A form as body; values are templates."""
    secret_files: dict[Name, Secret] = Field(default_factory=dict)
    """Values for the templates that are credentials: `{{ secret.password }}`."""
    max_bytes: int = Field(4000, ge=40)
    """Bytes of text that one message may have; longer ones come in parts."""
    success: Success = Success()

    @model_validator(mode="after")
    def _one_body(self) -> Self:
        if self.json_body is not None and self.form_body is not None:
            raise PydanticCustomError("body", "write json_body or form_body, not both")
        if self.method == "GET" and (self.json_body or self.form_body):
            raise PydanticCustomError("body", "a GET has no body; use query")
        return self


class AppriseSink(_Sink):
    """One of the services of the optional package apprise; its URL is a credential."""

    type: Literal["apprise"]
    url_file: Secret
    """The service's address in apprise's form."""
    max_bytes: int = Field(2000, ge=40)
    """Bytes of text that one message may have; longer ones come in parts."""


Sink = Annotated[
    SlackSink | WecomRobotSink | WecomAppSink | WebhookSink | AppriseSink, Field(discriminator="type")
]
"""Sinks by `type`."""
