"""The file of rules: strict TOML, `[[on]]` for each, named by the caller (docs/guides/events.md)."""

from collections.abc import Callable, Mapping, Sequence
from enum import StrEnum
from pathlib import Path
from typing import Self, TypeVar

from weightmark.attestations.outside import require_outside
from weightmark.attestations.responding.actions.command import Command, CommandAction
from weightmark.attestations.responding.acts import ActsFile
from weightmark.attestations.responding.happening import Happening, Trigger
from weightmark.attestations.responding.interface import Action
from weightmark.attestations.responding.ownership import require_own
from weightmark.attestations.strict_toml import Table
from weightmark.errors import CallError, SettingsError
from weightmark.provenance.events.forms import FORM_NAMES, named
from weightmark.provenance.events.sinks import SinkOptions, sink_of
from weightmark.provenance.events.sinks.webhook import parse_secret
from weightmark.provenance.sidecars import read_named
from weightmark.toml import TomlError, parse_toml
from weightmark.values import dataclass

__all__ = ["ActionName", "Responses", "Rule"]

Choice = TypeVar("Choice", bound=StrEnum)

_VERSION = 1
_LARGEST = 1024 * 1024
_MOST_RULES, _MOST_SECONDS = 100, 3600
_HELP = "docs/guides/events.md"
_CERTAIN = frozenset({"refused"})
"""kinds of drift on which something is moved or dropped, unless the rule says otherwise"""


class ActionName(StrEnum):
    """What a rule can do."""

    NOTIFY = "notify"
    COMMAND = "command"
    WEBHOOK = "webhook"
    QUARANTINE = "quarantine"
    DROP_LOCK_ENTRY = "drop-lock-entry"


_CAREFUL = frozenset({ActionName.QUARANTINE, ActionName.DROP_LOCK_ENTRY})


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule."""

    number: int
    """its place in the file, from 1"""
    trigger: Trigger
    """on what it acts"""
    name: ActionName
    """what it does"""
    enabled: bool
    """whether it acts; else it says what it would do"""
    kinds: frozenset[str]
    """of a drift: what has to be new; empty for anything"""
    action: Action
    """does it"""

    def fits(self, happening: Happening) -> bool:
        """Tell whether the rule is about this."""
        if happening.trigger is not self.trigger:
            return False
        return (
            not self.kinds or happening.trigger is not Trigger.DRIFT or happening.kind in self.kinds
        )


@dataclass(frozen=True, slots=True)
class Responses:
    """All rules of one file."""

    rules: tuple[Rule, ...]
    """in their order"""
    acts: ActsFile
    """where acts are recorded"""

    @classmethod
    def load(
        cls,
        path: Path,
        *,
        state: Path,
        environment: Mapping[str, str],
        offline: bool = False,
        judged: Sequence[Path] = (),
    ) -> Self:
        """Read a file that the caller named; raises `SettingsError` and `CallError`.

        `state` is the user's folder for what is remembered; `environment` is what commands may see of it;
        nothing that the rules run or write to lies in one of `judged`.
        """
        for one in judged:
            require_outside(one, path, "the file of responses")
        require_own(path)
        data = read_named(path, "file of responses", limit=_LARGEST)
        try:
            document = parse_toml(data)
        except TomlError as error:
            raise SettingsError(f"`{path}` is not valid TOML", why=str(error)) from error
        table = Table(document, document=f"`{path}`", help_page=_HELP, error=SettingsError)
        if table.count("version", 0, limit=1_000_000) != _VERSION:
            raise SettingsError(
                f"`{path}` does not begin with `version = {_VERSION}`", fix=f"see `{_HELP}`"
            )
        reader = _Reader(path.absolute().parent, state, environment, offline, tuple(judged))
        acts = table.text("acts", "")
        entries = table.tables("on", limit=_MOST_RULES)
        table.finish()
        if not entries:
            raise SettingsError(
                f"`{path}` has no rule", fix=f"write one as `[[on]]`, see `{_HELP}`"
            )
        rules = tuple(reader.rule(number, one) for number, one in enumerate(entries, start=1))
        place = state / "responses" / "acts.jsonl"
        if acts:
            place = reader.outside(reader.base / acts, "the record of acts")
        return cls(rules, ActsFile(place))


@dataclass(frozen=True, slots=True)
class _Reader:
    """What rules are relative to."""

    base: Path
    """the folder of the file"""
    state: Path
    """where spools stand"""
    environment: Mapping[str, str]
    """what commands may see of it"""
    offline: bool
    """whether receivers on the network are told later"""
    judged: tuple[Path, ...]
    """what is judged: nothing in it is run or written to"""

    def rule(self, number: int, table: Table) -> Rule:
        """Read one rule."""
        trigger = _chosen(table, "event", Trigger.DENY)
        name = _chosen(table, "action", ActionName.NOTIFY)
        enabled = table.flag("enabled", default=False)
        kinds = frozenset(table.texts("kinds"))
        if kinds and trigger is not Trigger.DRIFT:
            raise table.wrong("kinds", 'for `event = "drift"` only')
        unknown = kinds - {"changed", "refused", "unchecked", "gone"}
        if unknown:
            raise table.wrong("kinds", "of `changed`, `refused`, `unchecked` and `gone`")
        action = self._makers()[name](table)
        table.finish()
        if name in _CAREFUL and not kinds:
            kinds = _CERTAIN
        return Rule(number, trigger, name, enabled, kinds, action)

    def outside(self, place: Path, what: str) -> Path:
        """Return a place that lies in nothing that is judged; raises `CallError`."""
        for one in self.judged:
            require_outside(one, place, what)
        return place

    def _makers(self) -> Mapping[ActionName, Callable[[Table], Action]]:
        return {
            ActionName.NOTIFY: self._notify,
            ActionName.WEBHOOK: self._webhook,
            ActionName.COMMAND: self._command,
            ActionName.QUARANTINE: self._quarantine,
            ActionName.DROP_LOCK_ENTRY: self._lock,
        }

    def _notify(self, table: Table) -> Action:
        return self._notice(table, _required(table, "to"))

    def _webhook(self, table: Table) -> Action:
        url = _required(table, "url")
        if not url.startswith(("https://", "http://")):
            raise table.wrong("url", "a web address, as `https://…`")
        return self._notice(table, url)

    def _notice(self, table: Table, address: str) -> Action:
        from weightmark.attestations.responding.actions.notice import Notice

        word = table.text("format", FORM_NAMES[0])
        if word not in FORM_NAMES:
            raise table.wrong("format", " or ".join(f"`{one}`" for one in FORM_NAMES))
        form = named(word)
        options = SinkOptions(
            form,
            self.state / "events",
            secret=self._secret(table),
            offline=self.offline,
        )
        if address == "-":
            raise table.wrong("to", "a file or an address; stdout is for the answer")
        place = address
        if "://" not in address:
            place = str(self.outside(self.base / address, "the file of events"))
        return Notice(sink_of(place, options), form, float(_seconds(table, 10)))

    def _secret(self, table: Table) -> bytes:
        """Return what signs a body; it stands in a variable, as files of rules are shown around."""
        name = table.text("secret-variable", "")
        if not name:
            return b""
        if name not in self.environment:
            raise CallError(
                f"`{name}`, which a rule names as `secret-variable`, is not set",
                fix=f"set it to the secret: `export {name}=…`",
            )
        try:
            return parse_secret(self.environment[name])
        except ValueError as error:
            raise table.wrong(
                "secret-variable",
                f"a variable with a secret of 16 bytes or more, as `{name}` has none",
            ) from error

    def _command(self, table: Table) -> Action:
        words = table.texts("command")
        if not words:
            raise table.wrong("command", 'a list of words, as `["notify-send", "{path}"]`')
        command = Command.of(
            words,
            seconds=float(_seconds(table, 60)),
            names=table.texts("variables"),
            environment=self.environment,
            folder=self.base,
        )
        self.outside(Path(command.program), "the program")
        return CommandAction(command)

    def _quarantine(self, table: Table) -> Action:
        from weightmark.attestations.responding.actions.quarantine import Quarantine

        folder = self.base / _required(table, "folder")
        return Quarantine(self.outside(folder, "the quarantine"))

    def _lock(self, table: Table) -> Action:
        from weightmark.attestations.responding.actions.lock_entry import DropLockEntry

        return DropLockEntry(self.base / _required(table, "lock"))


def _chosen(table: Table, key: str, default: Choice) -> Choice:
    """Return a word that has to be there."""
    known = {one.value: one for one in type(default)}
    word = table.text(key, "")
    if word not in known:
        said = f", but `{word[:50]}`" if word else ""
        raise table.wrong(key, " or ".join(f"`{one}`" for one in known) + said)
    return known[word]


def _required(table: Table, key: str) -> str:
    text = table.text(key, "")
    if not text:
        raise table.wrong(key, "a string that is not empty")
    return text


def _seconds(table: Table, default: int) -> int:
    seconds = table.count("seconds", default, limit=_MOST_SECONDS)
    if not seconds:
        raise table.wrong("seconds", f"a whole number from 1 to {_MOST_SECONDS}")
    return seconds
