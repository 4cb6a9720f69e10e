"""The answers of `weightmark bom`: what is known of an artifact, and what would add the rest."""

import shlex
from collections.abc import Iterator, Mapping
from typing import Any

from weightmark.attestations.bom.completeness import Completeness, WantedField, completeness_of
from weightmark.attestations.bom.interface import BomAncestor, BomContent, Fact, Origin, Source
from weightmark.attestations.checks import counted
from weightmark.cli.render.interface import CheckLine, Document, Outcome
from weightmark.errors import Exit
from weightmark.provenance.ledger.event import format_time
from weightmark.provenance.lineage.names import shortened

__all__ = ["bom_document", "notes"]

_CLAIM_SHOWN = 12


def bom_document(path: str, content: BomContent, code: Exit, problem: str = "") -> Document:
    """Return what a document says and what it lacks, as an answer."""
    completeness = completeness_of(content)
    missing = len(completeness.missing)
    headline = f"{completeness.known} of {len(completeness.fields)} fields are known"
    if problem:
        headline += f"; not everything could be checked: {problem}"
    return Document(
        schema="weightmark/bom/v1",
        exit=code,
        verdict="unchecked" if code else "incomplete" if missing else "complete",
        headline=headline,
        checks=tuple(_check(one, path) for one in completeness.fields),
        facts={"path": path, **_facts(content), "completeness": _completeness(completeness, path)},
        lines=tuple(_lines(content)),
    )


def notes(document: Document, *, verbose: bool) -> Iterator[str]:
    """Yield for stderr what a document does not know; with `verbose` why, and the command that would add each."""
    unknown = [one for one in document.checks if one.outcome is not Outcome.PASS]
    names = ", ".join(one.name for one in unknown)
    yield document.headline + (f"; unknown: {names}" if unknown and not verbose else "")
    for one in unknown if verbose else ():
        yield f"unknown: {one.name}: {one.why}"
        if one.fix:
            yield f"  to add it: {one.fix}"
    if unknown and not verbose:
        yield "hint: `-v` or `--format text` names the command that would add each"


def _check(one: WantedField, path: str) -> CheckLine:
    if one.is_known:
        return CheckLine(Outcome.PASS, one.name, f"{one.what}: {_words(one.source)}")
    return CheckLine(
        Outcome.INFO, one.name, f"{one.what}: unknown", why=one.why, fix=_fix(one, path)
    )


def _words(source: Source) -> str:
    """Return a source in few words; the whole stands in JSON and in the documents."""
    if source.origin is not Origin.CLAIMED:
        return source.words
    when = f" at {format_time(source.at)}" if source.at else ""
    claim = f"sha256:{source.claim_id[:_CLAIM_SHOWN]}…" if source.claim_id else "a model signature"
    return f"claimed by {shortened(source.signer)} in {claim}{when}"


def _fix(one: WantedField, path: str) -> str:
    return one.fix.replace("PATH", shlex.quote(path))


def _lines(content: BomContent) -> Iterator[str]:
    yield f"{content.kind.value} {content.name.value}"
    yield f"identity {content.identity}"
    yield f"{counted(content.count, 'file')}, {counted(content.size, 'byte')}"
    signed = f"{content.signed.value}: {content.why}" if content.why else content.signed.value
    yield f"signed   {signed}" + (f" by {', '.join(content.signers)}" if content.signers else "")
    for one in content.weights:
        yield f"weights  {one.path}: {one.format}, {counted(one.tensors, 'tensor')}, {counted(one.parameters, 'parameter')}"
    for name in sorted(content.facts):
        for fact in content.facts[name]:
            yield f"{name}: {'; '.join(fact.values)} ({_words(fact.source)})"
    for ancestor in content.ancestors:
        kind = "dataset" if ancestor.is_data else "model"
        yield f"made from {kind} {ancestor.name} {shortened(ancestor.identity) if ancestor.identity else '(unlinked)'} ({_words(ancestor.source)})"


def _facts(content: BomContent) -> dict[str, Any]:
    return {
        "identity": content.identity,
        "name": _fact("name", content.name),
        "kind": _fact("kind", content.kind),
        "signed": content.signed.value,
        "signers": list(content.signers),
        "why": content.why,
        "uncovered": list(content.uncovered),
        "files": content.count,
        "size": content.size,
        "time": format_time(content.moment) if content.moment else None,
        "address": content.address or None,
        "weights": [
            {
                "path": one.path,
                "format": one.format,
                "tensors": one.tensors,
                "parameters": one.parameters,
                "dtypes": list(one.dtypes),
                "digest": one.weights,
            }
            for one in content.weights
        ],
        "unread": list(content.unread),
        "fields": _fields(content.facts),
        "ancestors": [_ancestor(one) for one in content.ancestors],
        "claims": [
            {
                "claim_id": f"sha256:{one.claim_id}",
                "predicate_type": one.predicate_type,
                "signer": one.signer,
                "at": format_time(one.at) if one.at else None,
                "summary": one.summary,
            }
            for one in content.claims
        ],
        "unverified_claims": content.strangers,
        "claims_about_others": content.elsewhere,
        "gaps": list(content.gaps),
    }


def _fields(facts: Mapping[str, tuple[Fact, ...]]) -> list[dict[str, Any]]:
    return [_fact(name, fact) for name in sorted(facts) for fact in facts[name]]


def _fact(name: str, fact: Fact) -> dict[str, Any]:
    return {"name": name, "values": list(fact.values), **_source(fact.source)}


def _source(source: Source) -> dict[str, Any]:
    return {
        "origin": source.origin.value,
        "signer": source.signer or None,
        "claim_id": f"sha256:{source.claim_id}" if source.claim_id else None,
        "file": source.file or None,
        "why": source.why,
    }


def _ancestor(one: BomAncestor) -> dict[str, Any]:
    return {
        "identity": one.identity or None,
        "name": one.name,
        "kind": "dataset" if one.is_data else "model",
        "depth": one.depth,
        "uri": one.uri,
        "problem": one.problem,
        "vouchers": list(one.vouchers),
        "source": _source(one.source),
        "fields": _fields(one.facts),
    }


def _completeness(completeness: Completeness, path: str) -> dict[str, Any]:
    return {
        "known": completeness.known,
        "wanted": len(completeness.fields),
        "missing": [
            {"name": one.name, "what": one.what, "why": one.why, "fix": _fix(one, path)}
            for one in completeness.missing
        ],
    }
