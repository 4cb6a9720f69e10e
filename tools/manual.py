"""Generate share/ from the code: manual pages and shell completions, as the wheel installs them."""

import re
import textwrap
from collections.abc import Iterable, Iterator
from pathlib import Path

from command_facts import CommandFacts, Family, OptionFacts, common_options, families
from exit_codes import meanings
from generated import ROOT, settle_all

import weightmark
from weightmark.cli.completion import SHELLS, script
from weightmark.errors import Exit

FOLDER = ROOT / "share"
MADE = "2026-11-01"
"""the day that the pages show; a page that is made twice must be the same"""
COMPLETIONS = {
    "bash": "bash-completion/completions/weightmark",
    "zsh": "zsh/site-functions/_weightmark",
    "fish": "fish/vendor_completions.d/weightmark.fish",
}
_DESCRIPTION = (
    "It identifies, signs, scans, verifies, judges and records models and datasets, and refuses what it "
    "cannot vouch for. `weightmark demo` shows the whole job on a tiny model, without a network."
)
_FILES = (
    ("model.sig, model.claims, model.receipt", "signature, signed claims and receipt of a model, at its root"),
    ("weightmark.toml, pyproject.toml", "settings, searched from the current folder upward"),
    ("~/.config/weightmark/trust/NAME.toml", "trust files that `--trust NAME` means"),
    ("~/.local/share/weightmark/ledger", "the ledger that is meant where none is named"),
    ("~/.local/state/weightmark", "the newest checkpoint seen of every ledger"),
    ("~/.cache/weightmark", "what can be computed again"),
)  # fmt: skip
_ENVIRONMENT = (
    ("WEIGHTMARK_<COMMAND>_<FLAG>, WEIGHTMARK_<FLAG>", "stand for a flag; the first is stronger"),
    ("WEIGHTMARK_CONFIG", "the settings file, as `--config`"),
    ("WEIGHTMARK_PASSPHRASE", "passphrase of the private key"),
    ("NO_COLOR, CLICOLOR, CLICOLOR_FORCE", "no colour, or colour without a terminal"),
    ("XDG_CONFIG_HOME, XDG_DATA_HOME, XDG_STATE_HOME, XDG_CACHE_HOME", "move the folders below"),
)  # fmt: skip
_EXAMPLES = (
    ("weightmark key generate -o release.key", "Make a key, once."),
    ("weightmark sign ./model --key release.key", "Scan a model and sign it."),
    ("weightmark verify ./model --key release.pub", "Check that it is what was signed."),
    ("weightmark gate ./model --policy baseline --key release.pub", "Decide whether it may be deployed."),
)  # fmt: skip


def files() -> dict[Path, str]:
    """Return every file of share/ by its place."""
    known = families()
    made = {f"man/man1/weightmark-{one.name}.1": _family_page(one) for one in known}
    made["man/man1/weightmark.1"] = _main_page(known)
    made |= {COMPLETIONS[shell]: f"{script(shell)}\n" for shell in SHELLS}
    return {FOLDER / name: text for name, text in made.items()}


def _main_page(known: tuple[Family, ...]) -> str:
    parts = [
        _head("weightmark", "decide whether a model or a dataset may be trusted"),
        _section(
            "SYNOPSIS", ["\\fBweightmark\\fR \\fICOMMAND\\fR [\\fIOPTIONS\\fR] [\\fIARGUMENTS\\fR]"]
        ),
        _section("DESCRIPTION", [_marked(_DESCRIPTION)]),
        ".SH COMMANDS",
    ]
    for heading in dict.fromkeys(family.heading for family in known):
        parts.append(f".SS {_text(heading)}")
        mine = [family for family in known if family.heading == heading]
        parts.append(_list((f"weightmark-{one.name}(1)", one.summary) for one in mine))
    parts += [
        ".SH OPTIONS",
        "These stand after the name of any command; some commands offer more forms.",
        _options(common_options()),
        ".SH EXIT STATUS",
        _list((str(code.value), meanings()[code.name]) for code in Exit),
        ".SH ENVIRONMENT",
        _list(_ENVIRONMENT),
        ".SH FILES",
        _list(_FILES),
        ".SH EXAMPLES",
        _list(_EXAMPLES),
        _section(
            "SEE ALSO",
            ["\\fBweightmark help \\-\\-all\\fR, \\fBweightmark explain\\fR \\fICODE\\fR"],
        ),
    ]
    return _page(parts)


def _family_page(family: Family) -> str:
    first, *rest = family.members
    alone = first.words == family.name
    usages = [_usage(member) for member in family.members]
    parts = [
        _head(f"weightmark-{family.name}", family.summary),
        _section("SYNOPSIS", ["\n.br\n".join(usages)]),
    ]
    if alone:
        parts += [_section("DESCRIPTION", _paragraphs(first))]
        parts += [".SH OPTIONS", _options(first.own_options)] if first.own_options else []
    else:
        rest = list(family.members)
    if rest:
        parts.append(".SH COMMANDS")
    for member in rest:
        parts += [f".SS {_text(f'weightmark {member.words}')}", "\n.PP\n".join(_paragraphs(member))]
        parts += [_options(member.own_options)] if member.own_options else []
    parts.append(
        _section(
            "SEE ALSO",
            ["\\fBweightmark\\fR(1) for the options of every command and for exit codes"],
        )
    )
    return _page(parts)


def _head(name: str, summary: str) -> str:
    title = f'.TH {_text(name.upper())} 1 "{MADE}" "weightmark {weightmark.__version__}"'
    return f"{title}\n.SH NAME\n{_text(name)} \\- {_text(summary)}"


def _section(title: str, paragraphs: list[str]) -> str:
    return f".SH {title}\n" + "\n.PP\n".join(paragraphs)


def _usage(command: CommandFacts) -> str:
    head = f"weightmark {command.words}"
    return f"\\fB{_text(head)}\\fR {_text(command.usage.removeprefix(head).strip())}".rstrip()


def _paragraphs(command: CommandFacts) -> list[str]:
    return [
        f".nf\n{_lines(part)}\n.fi" if "\n" in part else _marked(part)
        for part in command.paragraphs
    ]


def _options(options: Iterable[OptionFacts]) -> str:
    return _list((option.names, option.help) for option in options)


def _list(rows: Iterable[tuple[str, str]]) -> str:
    return "\n".join(f".TP\n\\fB{_text(name)}\\fR\n{_marked(said)}" for name, said in rows)


def _page(parts: Iterable[str]) -> str:
    warning = '.\\" Generated by `make generate`; changes belong into the code'
    lines = (line.rstrip() for line in "\n".join([warning, *parts]).splitlines())
    return "\n".join(line for line in lines if line) + "\n"


def _lines(text: str) -> str:
    return "\n".join(_text(line) for line in text.splitlines())


def _marked(text: str) -> str:
    """Return a paragraph, filled, with what stands in backticks in bold."""
    return "\n".join(_start(line) for line in _filled(_bold(text)))


def _bold(text: str) -> str:
    parts = re.split(r"`([^`]*)`", text)
    return "".join(
        f"\\fB{_text(part)}\\fR" if number % 2 else _text(part) for number, part in enumerate(parts)
    )


def _filled(text: str) -> Iterator[str]:
    yield from textwrap.wrap(text, 100, break_long_words=False, break_on_hyphens=False) or [""]


def _start(line: str) -> str:
    return f"\\&{line}" if line.startswith((".", "'")) else line


def _text(text: str) -> str:
    """Return text that roff shows as it is; a line that begins like a request gets a zero-width guard."""
    special = {
        "\\": "\\e",
        "-": "\\-",
        "'": "\\(aq",
        "`": "\\(ga",
        "^": "\\(ha",
        "~": "\\(ti",
        '"': "\\(dq",
    }
    shown = "".join(special.get(char) or _char(char) for char in text)
    return _start(shown)


def _char(char: str) -> str:
    return char if char.isascii() else f"\\[u{ord(char):04X}]"


if __name__ == "__main__":
    settle_all(files(), str(__doc__), folders=(FOLDER,))
