"""The namespace `weightmark:` of properties, the same in both forms (docs/formats/bom.md)."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from weightmark.attestations.bom.interface import BomAncestor, BomContent, Fact, Origin, some
from weightmark.attestations.bom.stated import MADE_HERE

if TYPE_CHECKING:
    from weightmark.attestations.bom.completeness import Completeness

__all__ = ["about_content", "about_document", "about_source", "about_weights"]

_FORMAT = "v1"
_MOST_UNCOVERED = 1000

Pairs = Iterator[tuple[str, str]]
"""name and value"""


def about_document(content: BomContent, completeness: "Completeness") -> Pairs:
    """Say what kind of document it is, and what it does not know."""
    yield MADE_HERE, _FORMAT
    yield "weightmark:completeness", f"{completeness.known} of {len(completeness.fields)} fields"
    for one in completeness.missing:
        yield f"weightmark:unknown:{one.name}", one.why
    if not content.moment:
        yield "weightmark:time", "unknown: no claim has a verified time"


def about_content(content: BomContent) -> Pairs:
    """Say of the artifact what its form has no field for, and on what each field rests."""
    yield "weightmark:identity", content.identity
    if not content.single:
        yield "weightmark:hashes", "SHA-256 of the list of files, manifest v1: the identity"
    yield "weightmark:files", str(content.count)
    yield "weightmark:size", str(content.size)
    yield "weightmark:signed", _signed(content)
    for signer in content.signers:
        yield "weightmark:signer", signer
    for path in some(content.uncovered, _MOST_UNCOVERED):
        yield "weightmark:uncovered", path
    yield "weightmark:claims:unverified", str(content.strangers)
    yield "weightmark:claims:about-others", str(content.elsewhere)
    yield "weightmark:source:name", content.name.source.words
    yield "weightmark:source:type", content.kind.source.words
    yield "weightmark:source:hashes", "measured from the bytes"
    yield from _facts(content)
    for gap in content.gaps:
        yield "weightmark:chain:gap", gap


def about_weights(content: BomContent) -> Pairs:
    """Say what the tensors are, file by file, as they were read."""
    for one in content.weights:
        where = f"weightmark:weights:{one.path}"
        yield f"{where}:format", one.format
        yield f"{where}:tensors", str(one.tensors)
        yield f"{where}:parameters", str(one.parameters)
        yield f"{where}:dtypes", " ".join(one.dtypes)
        yield f"{where}:digest", one.weights
    for text in content.unread:
        yield "weightmark:weights:unread", text
    yield "weightmark:source:weights", "measured from the bytes" if content.weights else ""


def about_source(one: BomAncestor) -> Pairs:
    """Say on what it rests that something went in, and what is said of it."""
    yield "weightmark:identity", one.identity
    yield "weightmark:depth", str(one.depth)
    yield "weightmark:source", one.source.words
    if one.problem:
        yield "weightmark:unlinked", one.problem
    for signer in one.vouchers:
        yield "weightmark:signer", signer
    if not one.vouchers:
        yield "weightmark:signed", "unverified: no trusted signer lists its files"
    for name, facts in one.facts.items():
        for fact in facts:
            yield from _fact(name, fact)


def _signed(content: BomContent) -> str:
    return f"{content.signed.value}: {content.why}" if content.why else content.signed.value


def _facts(content: BomContent) -> Pairs:
    for name in sorted(content.facts):
        for fact in content.facts[name]:
            yield from _fact(name, fact)
        only = content.one(name)
        if only.source.origin is Origin.UNKNOWN and name in _SINGLE:
            yield f"weightmark:unknown:{name}", only.source.why


def _fact(name: str, fact: Fact) -> Pairs:
    said = "; ".join(fact.values)
    prefix = "weightmark:stated" if fact.source.origin is Origin.STATED else "weightmark:claimed"
    yield f"{prefix}:{name}", said
    yield f"weightmark:source:{name}", fact.source.words


_SINGLE = frozenset({"approach", "architecture", "architecture-family", "copyright", "description"}) | {
    "purl", "supplier", "task", "version",
}  # fmt: skip
"""fields that have one value"""
