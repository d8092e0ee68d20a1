"""What the agent's config offers, as services of the dispatcher."""

import threading
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path

from actuator.agent.builtin import Builtin, Outcome, Recovering
from actuator.agent.config import Config, Service
from actuator.agent.journal import Journal
from actuator.agent.offer import End, Offer
from actuator.agent.program import begin
from actuator.remote.wire import BAD_MEMBER, Command


def offers(
    config: Config, builtins: Mapping[str, Builtin], journal: Journal, stop: threading.Event
) -> dict[str, Offer]:
    """Service name → what it offers."""
    folder = output_folder(config)
    found = {
        name: _programs(service, folder, config.keep_output) for name, service in config.services.items()
    }
    found |= {name: _builtin(builtin, stop) for name, builtin in builtins.items()}
    found["agent"] = Offer(
        frozenset({"output", "services"}), _later(_about(config, builtins, journal, folder)), parallel=4
    )
    return found


def output_folder(config: Config) -> Path:
    """Where whole outputs are kept."""
    return config.output_dir or config.journal.with_name(config.journal.name + ".output")


def _programs(service: Service, folder: Path, most: int) -> Offer:
    def start(command: Command) -> End:
        program = service.commands[command.command]
        return begin(program, program.timeout or service.timeout, folder / command.key, most)

    return Offer(frozenset(service.commands), start, service.parallel)


def _builtin(builtin: Builtin, stop: threading.Event) -> Offer:
    def perform(command: Command) -> Outcome:
        return builtin.run(command.command, command.members, stop)

    def recover(command: Command) -> Outcome | None:
        if isinstance(builtin, Recovering):
            return builtin.recover(command.command, command.members, stop)
        return None

    return Offer(builtin.commands, _later(perform), recover=recover)


def _later(perform: Callable[[Command], Outcome]) -> Callable[[Command], End]:
    """For what has no quick beginning: all of it is done by the thread that waits for its end."""
    return lambda command: partial(perform, command)


def _about(config: Config, builtins: Mapping[str, Builtin], journal: Journal, folder: Path):  # type: ignore[no-untyped-def]
    """The service `agent`: a whole output that did not fit into its result; what services there are."""

    def perform(command: Command) -> Outcome:
        if command.command == "services":
            known = {name: sorted(service.commands) for name, service in config.services.items()}
            known |= {name: sorted(builtin.commands) for name, builtin in builtins.items()}
            return Outcome(
                0, "\n".join(f"{name}: {', '.join(words)}" for name, words in sorted(known.items()))
            )
        about, offset = command.members.get("about"), command.members.get("offset", 0)
        if not isinstance(about, int) or not isinstance(offset, int):
            return Outcome(BAD_MEMBER, "`about` must be the task_id of an earlier command, `offset` a number")
        key = journal.newest(str(about))
        if key is None:
            return Outcome(1, f"no command with task_id {about} is remembered")
        return _kept(key, journal, folder, max(0, offset), command.reply_bytes)

    return perform


def _kept(key: str, journal: Journal, folder: Path, offset: int, most: int) -> Outcome:
    try:
        with (folder / key).open("rb") as file:
            file.seek(offset)
            return Outcome(0, file.read(most).decode("utf-8", "replace"))
    except FileNotFoundError:  # short ones are in the journal only
        entry = journal.find(key)
        return Outcome(0, "" if entry is None else entry.output.encode()[offset:].decode("utf-8", "replace"))
    except OSError as error:
        return Outcome(1, f"the output cannot be read: {error.strerror}")
