"""What agent.yml may say of `rpc_switch`."""

from pathlib import Path
from typing import Self

from pydantic import Field, field_serializer, model_validator
from pydantic_core import PydanticCustomError

from nodekit.http import redact
from nodekit.settings import Duration, Settings
from nodekit.words import Name, RpcUrl, Time, Words, WsUrl


class Candidate(Settings):
    """An endpoint that the node may use."""

    name: Name
    """What messages call it."""
    http: RpcUrl
    """Its address; it may hold a key and is shown without it."""
    ws: WsUrl | None = None
    """Needed when the node's config has a WebSocket address."""

    @field_serializer("http", "ws")
    def _without_key(self, url: str | None) -> str | None:
        return None if url is None else redact(url)


class Success(Settings):
    """When a switch counts as good. `log` or `command` must be there; if both are, both must hold."""

    log: Path | None = None
    """The node's log: it must say something after the restart, and none of `errors` for `quiet`."""
    errors: Words = ()
    """Texts (no patterns) that a line of the log holds when the network is bad."""
    quiet: Duration = 60.0
    """How long the log must hold none of `errors`."""
    command: tuple[str, ...] = ()
    """A program with arguments that exits with 0 when the node works, for example when a round succeeded."""
    every: Time = 5.0
    """Time between runs of the command, and the longest that one may take."""
    within: Duration = 300.0
    """A switch that is not good after this time is taken back."""

    @model_validator(mode="after")
    def _something_is_asked(self) -> Self:
        if self.log is None and not self.command:
            raise PydanticCustomError("success", "write `log` with `errors`, or `command`, or both")
        if self.log is not None and not self.errors:
            raise PydanticCustomError("success", "write the `errors` that must not come up in the log")
        if self.log is not None and self.quiet >= self.within:
            raise PydanticCustomError("success", "`within` must be longer than `quiet`")
        return self


class RpcSwitch(Settings):
    """One node whose endpoint may be switched."""

    node_config: Path
    """The node's config.toml; a symbolic link is followed."""
    chain_id: int = Field(gt=0)
    """The chain that candidates must serve."""
    evm_node: str | None = None
    """`Name` of the entry of `[[EVM.Nodes]]` to change; the chain's first one when left out."""
    candidates: tuple[Candidate, ...] = Field(min_length=1)
    """In order of preference."""
    restart: tuple[str, ...] = Field(min_length=1)
    """The program with arguments that restarts the node; run without a shell."""
    restart_timeout: Time = 60.0
    """How long the restart may take."""
    success: Success
    state: Path
    """A small file in which switches, probation and an unfinished switch are remembered."""
    max_lag: int = Field(default=5, ge=0)
    """Blocks that a candidate may be behind the best."""
    new_head_within: Time = 10.0
    """Time within which a candidate must show a new block, over HTTP and over WebSocket."""
    timeout: Time = 2.0
    """How long one request to a candidate may take."""
    keep_healthy: bool = True
    """Switch nothing when the current endpoint passes the same probe as a candidate."""
    min_interval: Duration = 600.0
    """Time after the end of a switch during which no other one begins."""
    per_day: int = Field(default=6, ge=1)
    """Switches within 24 hours."""
    tries: int = Field(default=3, ge=1)
    """Candidates that one switch may try."""
    probation: Time = 1800.0
    """For this long an endpoint that failed once comes after the others; failures add up."""

    @model_validator(mode="after")
    def _names_differ(self) -> Self:
        names = [candidate.name for candidate in self.candidates]
        if len(set(names)) < len(names):
            raise PydanticCustomError("names", "two candidates have the same name; rename one")
        return self
