"""Writing trust files: entries are added or replaced as text, so that comments of people stay."""

import json
import re
from collections.abc import Iterable, Mapping
from datetime import datetime

from weightmark.attestations.trust.trust_file import TRUST_FILE_VERSION
from weightmark.errors import CallError

__all__ = ["with_entry", "with_values"]

_LABEL = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,99}")
_NEXT_TABLE = re.compile(r"^\s*\[", re.MULTILINE)

Value = str | bool | datetime


def with_entry(
    text: str, kind: str, label: str, values: Mapping[str, Value], *, replace: bool = False
) -> str:
    """Return the text of a trust file with the table `[kind.label]` at its end.

    An empty text becomes a new trust file. Raises `CallError` for a bad label, and for one that is
    taken unless `replace`.
    """
    if not _LABEL.fullmatch(label):
        raise CallError(
            f"`{label[:100]}` is no label of an entry", fix="use letters, digits, `_` and `-`"
        )
    head = f"[{kind}.{label}]"
    before, found, after = (f"\n{text}").partition(f"\n{head}\n")
    if found and not replace:
        raise CallError(
            f"the trust file has an entry `{kind}.{label}` already",
            fix="choose another label with `--as`, or correct the file",
        )
    rest = _NEXT_TABLE.search(after)
    kept = (before + "\n" + (after[rest.start() :] if rest else "")) if found else f"\n{text}"
    base = kept.strip("\n") or f"version = {TRUST_FILE_VERSION}"
    lines = [f"{key} = {_toml(value)}" for key, value in values.items()]
    return "\n".join([base, "", head, *lines, ""])


def with_values(text: str, kind: str, label: str, values: Mapping[str, Value]) -> str:
    """Return the text with these fields at the head of the table `[kind.label]`, in place of those it has.

    A field that stands there over several lines is left, and makes the text one that can't be read. Raises `CallError` unless that table stands there once, with a head of its own.
    """
    name = re.escape(label)
    head = re.compile(
        rf"""^[ \t]*\[[ \t]*{kind}[ \t]*\.[ \t]*(?:{name}|"{name}"|'{name}')[ \t]*\][^\n]*$""",
        re.MULTILINE,
    )
    found = list(head.finditer(text))
    if len(found) != 1:
        raise CallError(
            f"the table `[{kind}.{label}]` stands {len(found)} times in the trust file",
            why="where to write is known only for a table with one head of its own",
            fix="correct the file with an editor; docs/formats/trust.md has its fields",
        )
    end = found[0].end()
    lines = "".join(f"\n{key} = {_toml(value)}" for key, value in values.items())
    following = _NEXT_TABLE.search(text, end)
    stop = following.start() if following else len(text)
    return text[:end] + lines + _without_fields(text[end:stop], values) + text[stop:]


def _without_fields(body: str, names: Iterable[str]) -> str:
    """Take the lines that set these fields out of a table; whoever edits checks what the text then says."""
    for name in names:
        field = re.compile(rf"^[ \t]*{name}[ \t]*=[^\n]*\n?", re.MULTILINE)
        body = field.sub("", body)
    return body


def _toml(value: Value) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, datetime):
        return value.strftime("%Y-%m-%dT%H:%M:%SZ")
    if (
        value.startswith("-----BEGIN ")
        and value.replace("\n", "").isprintable()
        and "'" not in value
    ):
        return f"'''\n{value}'''"
    # A JSON string is a TOML basic string: both escape alike what either must escape.
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
