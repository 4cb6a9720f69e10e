"""What a caller states by hand: a type by its short name or URI, and content that fits it."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Any

from weightmark.attestations.predicates.approval import APPROVAL_PREDICATE, ApprovalClaim
from weightmark.attestations.predicates.examples import EXAMPLES
from weightmark.attestations.predicates.registry import PREDICATE_TYPES, check_predicate
from weightmark.attestations.predicates.steps import BY_HAND
from weightmark.attestations.spelling import nearest
from weightmark.errors import CallError, MalformedError
from weightmark.values import dataclass

__all__ = ["Stated", "stated"]

_OURS = "https://weightmark/predicates/"
_MADE_BY: Mapping[str, str] = MappingProxyType(
    {
        "conversion": "weightmark convert IN OUT --key KEY",
        "revocation": "weightmark revoke",
        "reinstatement": "weightmark revoke",
        "key-rotation": "weightmark key rotate",
        "lock": "weightmark lock sign",
        "submission": "weightmark ledger append",
    }
)
_SIGN = "weightmark sign"
_LONGEST = 200


_USUAL_WORDS = {
    "sbom": "cyclonedx",
    "slsa": "provenance",
    "test": "test-result",
    "tests": "test-result",
}
"""what people call a type, where spelling does not tell which they mean"""


@dataclass(frozen=True)
class Stated:
    """A statement before it is signed; its content fits its type."""

    uri: str
    """predicate type"""
    predicate: dict[str, Any]
    """what is stated, as JSON"""

    @property
    def words(self) -> str:
        """What is stated, in one line for a person: the short name, and the fields that are texts."""
        known = PREDICATE_TYPES.get(self.uri)
        texts = [f"{name}: {value}" for name, value in self.predicate.items() if _is_word(value)]
        said = "; ".join(texts)
        return f"`{known.name if known else self.uri}`" + (f", {said[:_LONGEST]}" if said else "")


def stated(
    name: str,
    predicate: dict[str, Any] | None = None,
    *,
    reason: str | None = None,
    expires: datetime | None = None,
) -> Stated:
    """Say `predicate`, or for an approval its `reason` and end, of the type `name`: a short name or a URI.

    Raises `CallError` for a type that is not stated by hand, and for content that does not fit it.
    """
    if name == "approval" or (name == APPROVAL_PREDICATE and predicate is None):
        return _approval(predicate, reason, expires)
    uri = _type_uri(name)
    if reason or expires:
        raise CallError(
            "`--reason` and `--expires` go with `--type approval`",
            fix="write them into the predicate",
        )
    if predicate is None:
        raise CallError(
            "what to state was not said",
            why="each type has fields of its own",
            fix=f"name a JSON file with `--predicate FILE`{_example(uri)}",
        )
    try:
        check_predicate(uri, predicate)
    except MalformedError as error:
        raise CallError(
            f"the predicate is not what `{uri}` says it is: {error.what}",
            why=error.why or "verifiers would refuse it",
            fix=f"correct the file{_example(uri)}",
        ) from error
    return Stated(uri, predicate)


def _approval(
    predicate: dict[str, Any] | None, reason: str | None, expires: datetime | None
) -> Stated:
    if predicate is not None:
        raise CallError(
            "an approval takes `--reason` and `--expires`, not `--predicate`",
            fix="leave `--predicate` out",
        )
    if not reason or not reason.strip():
        raise CallError("an approval needs a reason", fix='say it with `--reason "…"`')
    if expires is not None and expires <= datetime.now(UTC):
        raise CallError(
            f"the approval would have ended already, on {expires:%Y-%m-%d}",
            why="one that has ended vouches for nothing",
            fix="name a later day with `--expires`, or leave it out",
        )
    said = ApprovalClaim(reason, expires).to_predicate()
    check_predicate(APPROVAL_PREDICATE, said)
    return Stated(APPROVAL_PREDICATE, said)


def _type_uri(name: str) -> str:
    known = {one.name: uri for uri, one in PREDICATE_TYPES.items()}
    if name in BY_HAND:
        return known[name]
    if ":" not in name:
        near = _USUAL_WORDS.get(name.lower()) or nearest(name, BY_HAND)
        fix = f"did you mean `{near}`?" if near else f"use {', '.join(BY_HAND)}, or a URI"
        raise CallError(f"`{name}` is no predicate type", fix=fix)
    _refuse_alike(name)
    by_hand = name in PREDICATE_TYPES and PREDICATE_TYPES[name].by_hand
    if name.startswith("https://weightmark/") and not by_hand:
        maker = _MADE_BY.get(name.removeprefix(_OURS).partition("/")[0], _SIGN)
        raise CallError(
            f"`{name}` is written by weightmark's own commands only",
            why="it says what was done, which nobody may state by hand",
            fix=f"use `{maker}`",
        )
    return name


def _refuse_alike(name: str) -> None:
    """Refuse a URI that only looks like one whose content is checked: nobody would find the claim."""
    plain = _plain(name)
    meant = next((uri for uri in PREDICATE_TYPES if _plain(uri) == plain), name)
    if meant != name or any(sign.isspace() or not sign.isprintable() for sign in name):
        raise CallError(
            f"`{name}` is no predicate type",
            why="types are compared byte by byte",
            fix=f"did you mean `{meant if meant in PREDICATE_TYPES else ''.join(name.split())}`?",
        )


def _plain(uri: str) -> str:
    return "".join(uri.split()).casefold().rstrip("/")


def _example(uri: str) -> str:
    """Return the hint how the fields of a type look, all at once."""
    known = PREDICATE_TYPES.get(uri)
    example = EXAMPLES.get(known.name) if known else None
    if example is None:
        return ""
    return f", as `{json.dumps(example)}`; docs/formats/claims.md lists the fields"


def _is_word(value: object) -> bool:
    return isinstance(value, str | int) and not isinstance(value, bool)
