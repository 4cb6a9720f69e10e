"""`[[rule]]`: conditions over the input document."""

from collections.abc import Iterable
from typing import Any

from weightmark.attestations.policy.conditions import FIELDS, OPERATORS, Condition, Scalar, Value
from weightmark.attestations.spelling import nearest
from weightmark.attestations.strict_toml import Table
from weightmark.errors import PolicyError
from weightmark.patterns import lazy_pattern

__all__ = ["read_conditions"]

_MAX_CONDITIONS = 200
_MAX_VALUES = 1000
_NAME = lazy_pattern(r"[A-Za-z0-9][A-Za-z0-9 ._-]{0,99}\Z")
_NUMERIC = ("at_least", "at_most")
_SETS = ("contains", "in", "matches", "not_in")
_SINGLE = ("equals", "not_equals")


def read_conditions(fields: Table) -> tuple[Condition, ...]:
    """Read every condition of the policy `fields`; raises `PolicyError`."""
    found = tuple(_read(one) for one in fields.tables("rule", limit=_MAX_CONDITIONS))
    names = [one.name for one in found]
    for name in names:
        if names.count(name) > 1:
            raise PolicyError(
                f"two rules of the policy are called `{name}`",
                why="a decision names each check once",
                fix="give each a name of its own",
            )
    return found


def _read(entry: Table) -> Condition:
    name, field, op = entry.text("name", ""), entry.text("field", ""), entry.text("op", "")
    value, message = entry.value("value"), entry.text("message", "")
    entry.finish()
    if not _NAME.match(name):
        raise entry.wrong("name", "a name of letters, digits, spaces, `.`, `_` and `-`")
    _require_known(entry, "field", field, FIELDS)
    _require_known(entry, "op", op, OPERATORS)
    if not message.isprintable() or len(message) > _MAX_VALUES:
        raise entry.wrong("message", "one line")
    return Condition(name, field, op, _value(entry, field, op, value), message)


def _require_known(entry: Table, key: str, word: str, known: Iterable[str]) -> None:
    words = tuple(known)
    if word in words:
        return
    near = nearest(word, words)
    expected = f"known: did you mean `{near}`?" if near else f"one of {', '.join(words)}"
    raise entry.wrong(key, expected)


def _value(entry: Table, field: str, op: str, value: object) -> Value:
    """Check that the value can be compared with what stands in the field: otherwise the rule would say nothing."""
    kind, _ = FIELDS[field]
    if op in _SINGLE and kind is tuple:
        raise entry.wrong(
            "op",
            f"of use: `{field}` holds several values; `in`, `not_in` and `contains` compare those",
        )
    if op in _NUMERIC:
        if kind is not int or type(value) is not int:
            raise entry.wrong("value", f"a whole number, which is what `{op}` compares")
        return value
    members: list[Any] = value if isinstance(value, list) else [value]
    wanted = str if kind is tuple else kind
    if op == "matches":
        wanted = str
    alike = all(type(one) is wanted and one != "" for one in members)
    if not members or not alike or len(members) > _MAX_VALUES:
        raise entry.wrong("value", f"of the type that `{field}` has")
    if op == "matches" and kind not in (str, tuple):
        raise entry.wrong("op", f"of use: `{field}` is no text")
    typed: tuple[Scalar, ...] = tuple(members)
    if op in _SETS or kind is tuple:
        return typed
    if len(typed) != 1:
        raise entry.wrong("value", f"one value, which is what `{op}` compares")
    return typed[0]
