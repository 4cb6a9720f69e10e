"""Generate docs/reference/ from the code: commands, rules, checks, schemas and settings."""

import json
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from command_facts import CommandFacts, Family, OptionFacts, common_options, families
from generated import ROOT, settle_all

from weightmark.cli.app import walk
from weightmark.cli.command import WeightmarkCommand
from weightmark.cli.explanations import CHECKS, danger_of
from weightmark.cli.reasons import REASONS
from weightmark.scanners.rules import Rule, catalogue

FOLDER = ROOT / "docs/reference"
SCHEMAS = ROOT / "weightmark/cli/render/schemas"
_MADE = "*Generated from the code by `make generate`.*"
_ABOUT_CHECKS = (
    "The lines that `verify`, `gate` and other commands print, and the codes of their reasons. "
    "Error codes stand [with the exit codes](exit-codes.md)."
)
_ABOUT_SCHEMAS = (
    "Every answer with `-f json` is one object that fits the schema of its command "
    "([what the members mean](../formats/json.md)). The schemas are in the wheel, under "
    "`weightmark/cli/render/schemas`, and know no member that is not listed."
)
_ABOUT_KEYS = (
    "A key is a flag without dashes in front "
    "([how files are found, and which wins](../guides/settings.md)). It stands at the top of the file for "
    "every command that has the flag, or in the table of one command. A file that was merely found may set "
    "only the keys that say yes in the second column."
)


def pages() -> dict[Path, str]:
    """Return every generated page of the reference by its place, but those that `make generate` names apart."""
    made = {
        "commands/index.md": _commands_page(families()),
        "rules.md": _rules_page(list(catalogue().values())),
        "checks.md": _checks_page(),
        "schemas.md": _schemas_page(),
        "settings.md": _settings_page(),
    }
    made |= {f"commands/{family.name}.md": _family_page(family) for family in families()}
    return {FOLDER / name: f"{text.rstrip()}\n" for name, text in made.items()}


def _commands_page(known: Iterable[Family]) -> str:
    sections = ["# Commands", _MADE, "`weightmark COMMAND --help` says the same in a terminal."]
    for heading in dict.fromkeys(family.heading for family in known):
        rows = [
            f"| {_links(family)} | {_cell(family.summary)} |"
            for family in known
            if family.heading == heading
        ]
        sections.append(_table(heading, ("command", "what it does"), rows))
    sections.append("## On every command")
    sections.append(
        "Some commands offer other forms, and say so on their page. Each flag has "
        "[environment variables](../environment.md) and [keys in a settings file](../settings.md)."
    )
    sections.append(_option_table(common_options()))
    return "\n\n".join(sections)


def _links(family: Family) -> str:
    own = f"[`{family.name}`]({family.name}.md)"
    below = [member.words for member in family.members if member.words != family.name]
    shown = ", ".join(
        f"[`{words.partition(' ')[2]}`]({family.name}.md#{_anchor(f'weightmark {words}')})"
        for words in below
    )
    return f"{own}: {shown}" if shown else own


def _family_page(family: Family) -> str:
    sections = [f"# `weightmark {family.name}`", _MADE]
    alone = len(family.members) == 1 and family.members[0].words == family.name
    if not alone:
        sections.append(f"{_sentence(family.summary)}.")
    for member in family.members:
        if not alone:
            sections.append(f"## `weightmark {member.words}`")
        sections += _command_sections(member)
    sections.append("The options of every command stand in [the overview](index.md).")
    return "\n\n".join(sections)


def _command_sections(command: CommandFacts) -> Iterator[str]:
    yield f"```text\n{command.usage}\n```"
    for paragraph in command.paragraphs:
        yield f"```text\n{paragraph}\n```" if "\n" in paragraph else _prose(paragraph)
    if command.own_options:
        yield _option_table(command.own_options)


def _option_table(options: Iterable[OptionFacts]) -> str:
    rows = [f"| {_code(option.names)} | {_cell(option.help)} |" for option in options]
    return _table("", ("option", "meaning"), rows)


def _rules_page(rules: list[Rule]) -> str:
    intro = (
        "Every rule of `weightmark scan`. `high` and `critical` refuse by default (`--fail-on high`); "
        "`weightmark explain RULE` says the same in a terminal."
    )
    sections = ["# Scan rules", _MADE, intro]
    for prefix in dict.fromkeys(re.sub(r"\d+$", "", rule.id) for rule in rules):
        mine = [rule for rule in rules if re.sub(r"\d+$", "", rule.id) == prefix]
        rows = [_rule_row(rule) for rule in mine]
        sections.append(f"## {prefix}")
        sections.append(_prose(_sentence(danger_of(mine[0].id))))
        sections.append(_table("", ("rule", "severity", "what is found", "what to do"), rows))
    return "\n\n".join(sections)


def _rule_row(rule: Rule) -> str:
    seen = f" ({', '.join(rule.references)})" if rule.references else ""
    return f"| `{rule.id}` | {rule.severity.word} | {_cell(rule.title)}{_cell(seen)} | {_cell(rule.help)} |"


def _checks_page() -> str:
    checks = [
        f"| `{name}` | {_cell(one.title)} | {_cell(one.help)} |" for name, one in CHECKS.items()
    ]
    reasons = [
        f"| `{name}` | {_cell(one.title)} | {_cell(one.help)} |" for name, one in REASONS.items()
    ]
    return "\n\n".join(
        [
            "# Checks and reasons",
            _MADE,
            _ABOUT_CHECKS,
            _table("Checks", ("check", "question", "what to do"), checks),
            _table("Reasons", ("code", "what happened", "what to do"), reasons),
        ]
    )


def _schemas_page() -> str:
    sections = [
        "# JSON schemas",
        _MADE,
        _ABOUT_SCHEMAS,
    ]
    for path in sorted(SCHEMAS.glob("*.json")):
        schema = json.loads(path.read_text(encoding="utf-8"))
        properties: dict[str, Any] = schema.get("properties", {})
        required = set(schema.get("required", ()))
        sections.append(f"## {path.name.removesuffix('.schema.json')}")
        sections.append(f"`{schema.get('$id', path.name)}`: {_prose(schema.get('title', ''))}")
        rows = [
            f"| `{name}` | {_cell(_kind(said))} | {'yes' if name in required else ''} |"
            for name, said in properties.items()
        ]
        if rows:
            sections.append(_table("", ("member", "value", "always there"), rows))
    return "\n\n".join(sections)


def _kind(schema: Any) -> str:
    if not isinstance(schema, dict):
        return "anything"
    if "const" in schema:
        return f"`{json.dumps(schema['const'])}`"
    if "enum" in schema:
        return " or ".join(f"`{json.dumps(one)}`" for one in schema["enum"])
    if "$ref" in schema:
        return f"as `{schema['$ref'].rpartition('/')[2]}`"
    for word in ("oneOf", "anyOf"):
        if word in schema:
            return " or ".join(dict.fromkeys(_kind(one) for one in schema[word]))
    types = schema.get("type", "anything")
    return " or ".join(types) if isinstance(types, list) else str(types)


def _settings_page() -> str:
    found = [
        (words, option)
        for words, command in walk()
        if isinstance(command, WeightmarkCommand)
        for option in command.flag_options()
        if option.flag not in {"config", "isolated"}
    ]
    rows = []
    for flag in sorted({option.flag for _, option in found}):
        users = [words for words, option in found if option.flag == flag]
        mine = [option for _, option in found if option.flag == flag]
        where = (
            "every command"
            if mine[0].common
            else ", ".join(f"`[{_table_of(one)}]`" for one in users)
        )
        harmless = "yes" if all(option.harmless for option in mine) else ""
        rows.append(f"| `{flag}` | {harmless} | {where} |")
    return "\n\n".join(
        [
            "# Keys of a settings file",
            _MADE,
            _ABOUT_KEYS,
            _table("", ("key", "in a found file", "tables"), rows),
        ]
    )


def _table_of(words: str) -> str:
    return ".".join(
        f'"{word}"' if not re.fullmatch(r"[a-z-]+", word) else word for word in words.split()
    )


def _table(title: str, head: tuple[str, ...], rows: Iterable[str]) -> str:
    lines = [f"| {' | '.join(head)} |", f"|{'---|' * len(head)}", *rows]
    return "\n".join([*([f"## {title}", ""] if title else []), *lines])


def _cell(text: str) -> str:
    return _prose(text).replace("|", "\\|").replace("\n", " ")


def _prose(text: str) -> str:
    """Return text as Markdown: what stands in backticks stays, what Markdown would obey is escaped."""
    parts = re.split(r"(`[^`]*`)", text)
    return "".join(part if part.startswith("`") else _escaped(part) for part in parts)


def _escaped(text: str) -> str:
    return re.sub(r"([\\*_>\[\]#])", r"\\\1", text.replace("&", "&amp;").replace("<", "&lt;"))


def _code(text: str) -> str:
    return f"`{text}`".replace("|", "\\|")


def _anchor(heading: str) -> str:
    return re.sub(r"[^a-z0-9 -]", "", heading.lower()).replace(" ", "-")


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:]


if __name__ == "__main__":
    settle_all(pages(), str(__doc__), folders=(FOLDER / "commands",))
