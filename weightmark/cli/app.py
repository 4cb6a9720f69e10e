"""The map of all commands; none of them is imported before it is called."""

from collections.abc import Iterator, Mapping
from importlib import import_module
from typing import Any

import click
from click.shell_completion import CompletionItem

import weightmark
from weightmark.errors import CallError
from weightmark.values import dataclass

__all__ = ["COMMANDS", "Entry", "LazyGroup", "all_flags", "app", "top_level_names", "walk"]


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of the map: a command, a group of `members`, or a command with some beside it."""

    target: str
    """import path as `module:attribute`; empty for a group that is no command itself"""
    help: str
    """one line, lower-case, without a full stop"""
    heading: str = ""
    """the heading of the help page under which it stands; members of a group have none"""
    newcomer: bool = False
    """shown on the first help page"""
    members: "Mapping[str, Entry] | None" = None
    """the commands whose words begin with this one"""


_WITNESS = {
    "init": Entry("weightmark.cli.ledger.witness:init", "make a witness, its key and its memory"),
    "cosign": Entry(
        "weightmark.cli.ledger.witness:cosign", "cosign a log once, if it extends what was seen"
    ),
    "serve": Entry("weightmark.cli.ledger.witness:serve", "cosign for logs as a tlog-witness"),
    "collect": Entry(
        "weightmark.cli.ledger.witness:collect", "ask witnesses to cosign the newest checkpoint"
    ),
    "check": Entry(
        "weightmark.cli.ledger.witness:check", "check that a quorum of witnesses saw a ledger"
    ),
    "prove": Entry(
        "weightmark.cli.ledger.witness:prove", "write a receipt that a quorum of witnesses backs"
    ),
}
_LEDGER = {
    "init": Entry(
        "weightmark.cli.ledger.init:init", "make a ledger, its log key and its recovery key"
    ),
    "append": Entry("weightmark.cli.ledger.append:append", "add a signed claim"),
    "list": Entry("weightmark.cli.ledger.list_:list_", "list the entries"),
    "search": Entry("weightmark.cli.ledger.search:search", "find entries"),
    "show": Entry("weightmark.cli.ledger.show:show", "show one entry"),
    "prove": Entry("weightmark.cli.ledger.prove:prove", "write the receipt of an entry"),
    "verify": Entry(
        "weightmark.cli.ledger.verify:verify", "check the whole ledger, or a receipt offline"
    ),
    "witness": Entry("", "see the logs of others, and be seen", members=_WITNESS),
    "admit": Entry("weightmark.cli.ledger.admit:admit", "change who may write"),
    "rotate": Entry("weightmark.cli.ledger.key_rotation:rotate", "give a ledger a new log key"),
    "monitor": Entry(
        "weightmark.cli.ledger.monitor:monitor", "look at what was entered since the last time"
    ),
    "anchor": Entry(
        "weightmark.cli.ledger.anchor:anchor", "enter the checkpoint's digest into a public log"
    ),
    "export": Entry("weightmark.cli.ledger.export:export", "write entries for other tools"),
    "redact": Entry("weightmark.cli.ledger.redact:redact", "erase what must not stay"),
    "publish": Entry(
        "weightmark.cli.ledger.publish:publish", "write the files that any web server can serve"
    ),
    "serve": Entry("weightmark.cli.ledger.serve:serve", "serve a ledger to many clients"),
    "migrate": Entry("weightmark.cli.ledger.migrate:migrate", "move a ledger to another place"),
    "reindex": Entry("weightmark.cli.ledger.reindex:reindex", "make the search table anew"),
    "backup": Entry("weightmark.cli.ledger.backup:backup", "copy a ledger, in use or not"),
    "restore": Entry(
        "weightmark.cli.ledger.restore:restore", "make a ledger of a backup that may sign again"
    ),
}
_POLICY = {
    "init": Entry("weightmark.cli.policy.init:init", "write a first policy"),
    "check": Entry("weightmark.cli.policy.check:check", "check a policy file, and name its holes"),
    "explain": Entry("weightmark.cli.policy.explain:explain", "show what a policy demands"),
    "test": Entry("weightmark.cli.policy.try_cases:test_", "try a policy on cases"),
    "sign": Entry("weightmark.cli.policy.sign:sign", "sign a policy file"),
    "what-if": Entry(
        "weightmark.cli.policy.what_if:what_if", "list past decisions that it would change"
    ),
}
_GATE = {
    "serve": Entry("weightmark.cli.gate.serve:serve", "answer pipelines and clusters over HTTP"),
}
_BOM = {
    "diff": Entry("weightmark.cli.bom.diff:diff", "compare two bills of materials"),
}
_KEY = {
    "generate": Entry("weightmark.cli.key.generate:generate", "make a signing key"),
    "rotate": Entry("weightmark.cli.key.rotate:rotate", "hand over to a new key"),
    "show": Entry("weightmark.cli.key.show:show", "show kind and fingerprint of a key"),
    "list": Entry("weightmark.cli.key.list_:list_", "list the keys in a folder"),
}

_LAYOUT = {
    "verify": Entry(
        "weightmark.cli.layout.verify:verify", "check that steps were done as a layout demands"
    ),
}
_LOCK = {
    "update": Entry("weightmark.cli.lock.update:update", "pin addresses to what they are now"),
    "diff": Entry("weightmark.cli.lock.diff:diff", "show which addresses lead elsewhere by now"),
    "verify": Entry(
        "weightmark.cli.lock.verify:verify", "check folders, and who vouches for a lock"
    ),
    "sign": Entry("weightmark.cli.lock.sign:sign", "vouch for what a lock says"),
}
_TRUST = {
    "show": Entry("weightmark.cli.trust.show:show", "show whom a trust file or root believes"),
    "add": Entry("weightmark.cli.trust.add:add", "write a signer into a trust file"),
    "revoke": Entry("weightmark.cli.trust.revoke:revoke", "stop trusting a signer, from a day on"),
    "pin": Entry("weightmark.cli.trust.pin:pin", "record the digest of a trusted root"),
    "update": Entry("weightmark.cli.trust.update:update", "fetch a trusted root by TUF"),
}

COMMANDS: Mapping[str, Entry] = {
    "sign": Entry("weightmark.cli.sign:sign", "scan, hash and sign a release", "Daily", True),
    "verify": Entry("weightmark.cli.verify:verify", "check signature and content", "Daily", True),
    "scan": Entry("weightmark.cli.scan:scan", "look for unsafe content", "Daily", True),
    "attest": Entry("weightmark.cli.attest:attest", "sign a statement about a model", "Daily"),
    "inspect": Entry(
        "weightmark.cli.inspect_:inspect", "show what a bundle says, without judging", "Daily", True
    ),
    "convert": Entry(
        "weightmark.cli.convert:convert",
        "write the weights as safetensors, unpickling nothing",
        "Daily",
    ),
    "digest": Entry("weightmark.cli.digest:digest", "print the identity of a model", "Daily", True),
    "diff": Entry("weightmark.cli.diff:diff", "show what changed between two models", "Daily"),
    "exec": Entry(
        "weightmark.cli.exec_:exec_", "run a command on a verified copy of a model", "Daily"
    ),
    "record": Entry(
        "weightmark.cli.record:record",
        "run a step, and sign from what its result was made",
        "Daily",
    ),
    "gate": Entry(
        "weightmark.cli.gate.command:gate", "allow or refuse a model by policy", "Gate", True, _GATE
    ),
    "pull": Entry(
        "weightmark.cli.pull:pull", "fetch a model, and place it if a policy allows", "Gate"
    ),
    "lock": Entry("", "pin what addresses stand for", "Gate", False, _LOCK),
    "watch": Entry("weightmark.cli.watch:watch", "judge a model again whenever it changes", "Gate"),
    "policy": Entry("", "write, check and explain a policy", "Gate", True, _POLICY),
    "chain": Entry("weightmark.cli.chain.command:chain", "show what a model was made from", "Gate"),
    "push": Entry(
        "weightmark.cli.push:push", "put a model and its claims into a registry or a hub", "Gate"
    ),
    "layout": Entry("", "verify layouts of in-toto", "Gate", False, _LAYOUT),
    "ledger": Entry("", "keep and check an append-only register", "Register", True, _LEDGER),
    "revoke": Entry(
        "weightmark.cli.revoke:revoke",
        "say in a ledger that something no longer counts",
        "Register",
    ),
    "inventory": Entry(
        "weightmark.cli.inventory:inventory", "list models, datasets and references", "Register"
    ),
    "impact": Entry(
        "weightmark.cli.impact:impact", "list what descends from an artifact", "Register"
    ),
    "bom": Entry(
        "weightmark.cli.bom.command:bom", "write a bill of materials", "Register", members=_BOM
    ),
    "report": Entry(
        "weightmark.cli.report.command:report",
        "fill what a framework asks for with evidence",
        "Register",
    ),
    "key": Entry("", "make and show signing keys", "Set-up", True, _KEY),
    "trust": Entry("", "write down whom you trust", "Set-up", False, _TRUST),
    "rules": Entry("weightmark.cli.rules:rules", "list the scan rules", "Set-up"),
    "explain": Entry(
        "weightmark.cli.explain:explain", "explain a rule, an error code or a check", "Set-up"
    ),
    "doctor": Entry(
        "weightmark.cli.doctor.command:doctor", "find what is wrong with this set-up", "Set-up"
    ),
    "completion": Entry(
        "weightmark.cli.completion:completion", "print a shell completion script", "Set-up"
    ),
    "demo": Entry(
        "weightmark.cli.demo.command:demo", "see the whole job on a tiny model", "Set-up", True
    ),
    "help": Entry(
        "weightmark.cli.help:help_", "show help, with `--all` for every command", "Set-up"
    ),
}
"""every command by name, in the order of the help page"""

_OTHER_WORDS = {"list": "show", "ls": "list", "new": "generate", "remove": "revoke"}
"""what somebody types who knows other tools, and what is meant where there is no such command"""
_EXAMPLE_WIDTH = 45
_EXAMPLES = (
    ("weightmark key generate -o release.key", "once: make a key"),
    ("weightmark sign ./model --key release.key", "scan it, sign it"),
    ("weightmark verify ./model --key release.pub", "is it what they signed?"),
)


class LazyGroup(click.Group):
    """A group that knows its commands by name and imports one only when it is called."""

    def __init__(self, entries: Mapping[str, Entry], *, path: str = "", **attrs: Any) -> None:
        """Make the group of `entries`; `path` are the words before it, empty for the root."""
        super().__init__(**attrs)
        self.entries = entries
        self.path = path

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        """Return the names in the order of the help page."""
        return list(self.entries)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002 - click's signature
        """Import and return one command; None when there is none of that name."""
        entry = self.entries.get(cmd_name)
        return None if entry is None else load(cmd_name, entry, self.path)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the command that `args` begin with; an unknown one gets a suggestion."""
        word = args[0]
        longer = self._longer(args)
        if longer is not None:
            return longer[0], longer[1], args[2:]
        found = self.get_command(ctx, word)
        if found is not None:
            return word, found, args[1:]
        if word.startswith("-"):
            self.parse_args(ctx, args)
        meant = _OTHER_WORDS.get(word, "")
        if meant in self.entries:
            raise CallError(f"no such command `{word}`", fix=f"did you mean `{meant}`?")
        raise click.exceptions.NoSuchCommand(word, possibilities=self.entries, ctx=ctx)

    def _longer(self, args: list[str]) -> tuple[str, click.Command] | None:
        """Return the command of the first two words, where the first is a command by itself as well."""
        entry = self.entries.get(args[0])
        if entry is None or not entry.target or entry.members is None or len(args) == 1:
            return None
        member = entry.members.get(args[1])
        words = f"{self.path} {args[0]}".strip()
        return (f"{args[0]} {args[1]}", load(args[1], member, words)) if member else None

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002 - click's signature
        """Write the commands that a newcomer needs, under their headings."""
        write_commands(formatter, self.entries, everything=bool(self.path))

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002 - click's signature
        """End the first page with three examples and the way on."""
        if self.path:
            return
        with formatter.section("Examples"):
            formatter.write_dl(_EXAMPLES, col_max=_EXAMPLE_WIDTH)
        formatter.write_paragraph()
        formatter.write_text("`weightmark help --all` lists every command")

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        """Complete command names from the map, without importing them."""
        names = [name for name in self.entries if name.startswith(incomplete)]
        items = [CompletionItem(name, help=self.entries[name].help) for name in names]
        return items + (click.Command.shell_complete(self, ctx, incomplete) if not items else [])


def write_commands(
    formatter: click.HelpFormatter, entries: Mapping[str, Entry], *, everything: bool
) -> None:
    """Write commands with their one-line help, under their headings."""
    shown = {name: entry for name, entry in entries.items() if everything or entry.newcomer}
    for heading in dict.fromkeys(entry.heading for entry in shown.values()):
        rows = [(name, entry.help) for name, entry in shown.items() if entry.heading == heading]
        with formatter.section(heading or "Commands"):
            formatter.write_dl(rows)


def load(name: str, entry: Entry, path: str = "") -> click.Command:
    """Import the command, or build the group, that an entry of the map stands for."""
    words = f"{path} {name}".strip()
    if entry.members is not None and not entry.target:
        return LazyGroup(entry.members, path=words, name=name, help=_sentence(entry.help))
    module, _, attribute = entry.target.partition(":")
    found = getattr(import_module(module), attribute)
    if not isinstance(found, click.Command):
        raise TypeError(f"`{entry.target}` is no command")
    return found


def walk() -> Iterator[tuple[str, click.Command]]:
    """Yield every command with its words, as `("ledger append", command)`; imports them all."""
    for name, entry in COMMANDS.items():
        yield from _walk(name, load(name, entry))
        if entry.target:
            for member, below in (entry.members or {}).items():
                yield from _walk(f"{name} {member}", load(member, below, name))


def all_flags() -> frozenset[str]:
    """Return every flag of every command, without dashes; imports all commands."""
    return frozenset(
        flag
        for _, command in walk()
        for param in command.params
        if (flag := getattr(param, "flag", ""))
    )


def top_level_names() -> tuple[str, ...]:
    """Return the names of all top-level commands and groups."""
    return tuple(COMMANDS)


def _walk(words: str, command: click.Command) -> Iterator[tuple[str, click.Command]]:
    if not isinstance(command, click.Group):
        yield words, command
        return
    ctx = click.Context(command, info_name=words)
    for name in command.list_commands(ctx):
        member = command.get_command(ctx, name)
        if member is not None:
            yield from _walk(f"{words} {name}", member)


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:]


app = LazyGroup(
    COMMANDS,
    name="weightmark",
    help="Decide whether a model or a dataset may be trusted: sign, scan, verify, gate, record",
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    options_metavar="",
    subcommand_metavar="COMMAND [OPTIONS] [ARGUMENTS]",
)
"""the root of the command line"""
click.version_option(weightmark.__version__, message="%(prog)s %(version)s")(app)
