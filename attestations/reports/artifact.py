"""The report of one framework about one artifact, and the index of many."""

from collections.abc import Iterator, Sequence
from typing import Any

from weightmark.attestations.checks import counted
from weightmark.attestations.reports.document import LinkTo, Report, Section, Table
from weightmark.attestations.reports.dossier import Dossier
from weightmark.attestations.reports.filling import fill, status_counts
from weightmark.attestations.reports.interface import Filled, Framework, Status
from weightmark.attestations.reports.shown import (
    LINE_HEADINGS,
    head_facts,
    lead_of,
    line_facts,
    line_row,
    moment,
    stem_of,
    trusted_words,
    uncounted_facts,
    uncounted_section,
)
from weightmark.attestations.reports.words import Cell, Quoted, bounded
from weightmark.values import dataclass

__all__ = ["Summary", "artifact_report", "index_pages", "summary_of"]

_PAGE = 1000
_PERSON = "To be completed by a person"


@dataclass(frozen=True, slots=True)
class Summary:
    """One artifact in an index."""

    identity: str
    """`wm1:…` or `sha256:…`"""
    name: str
    """what its signers call it, bounded; empty where nobody who counts says it"""
    counts: tuple[tuple[Status, int], ...]
    """how many items are filled how far"""
    missing: tuple[str, ...]
    """ids of the items that claims could fill, and do not"""
    against: tuple[str, ...]
    """ids of the items that evidence speaks against"""
    uncounted: int
    """claims about it that fill nothing"""


def artifact_report(framework: Framework, dossier: Dossier, *, at_from: str = "") -> Report:
    """Fill a framework for one artifact; the same evidence always gives the same report."""
    filled = fill(framework, dossier)
    name = bounded(dossier.name)
    lead: list[tuple[str, Cell]] = [("Artifact", Quoted(dossier.identity or "not identified"))]
    if name:
        lead.append(("Called, by its signer", Quoted(name)))
    if dossier.measured:
        lead.append(("Read here", Quoted(bounded(dossier.measured.path))))
    lead += lead_of(dossier.jury, dossier.head, at_from)
    lead += [("Source", framework.source), ("Items", _counted(filled))]
    return Report(
        stem_of(dossier.identity) if dossier.identity else "unidentified",
        f"{framework.title}: evidence for one artifact",
        tuple(lead),
        tuple(_notices(dossier)),
        (*map(_section, filled), *uncounted_section(dossier.claims.uncounted)),
        _facts(framework, dossier, filled, at_from),
    )


def summary_of(framework: Framework, dossier: Dossier) -> Summary:
    """Say in one line how far the items of a framework are filled."""
    filled = fill(framework, dossier)
    return Summary(
        dossier.identity,
        bounded(dossier.name),
        tuple(status_counts(filled).items()),
        tuple(one.item.id for one in filled if one.status is Status.MISSING),
        tuple(one.item.id for one in filled if one.status is Status.AGAINST),
        len(dossier.claims.uncounted),
    )


def index_pages(framework: Framework, listed: Sequence[Summary]) -> Iterator[Report]:
    """Yield the index of gaps, 1,000 artifacts a page: `index`, `index-2`, …"""
    pages = max(1, -(-len(listed) // _PAGE))
    for number in range(pages):
        part = listed[number * _PAGE : (number + 1) * _PAGE]
        yield _index_page(framework, part, len(listed), number + 1, pages)


def _index_page(
    framework: Framework, part: Sequence[Summary], total: int, number: int, pages: int
) -> Report:
    headings = (
        "artifact",
        "called",
        "filled",
        "partly",
        "against",
        "missing",
        "person",
        "gaps",
        "uncounted claims",
    )
    rows = tuple(_row(one) for one in part)
    said: list[Cell] = [f"{counted(total, 'artifact')}; page {number} of {pages}."]
    other = tuple(
        (LinkTo(f"page {page}", _page_stem(page)),)
        for page in range(1, pages + 1)
        if page != number
    )
    sections = [Section("Artifacts", paragraphs=tuple(said), table=Table(headings, rows))]
    if other:
        sections.append(Section("Other pages", table=Table(("page",), other)))
    facts = {
        "format": framework.name,
        "artifacts": [_summary_facts(one) for one in part],
        "total": total,
        "page": number,
        "pages": pages,
    }
    return Report(
        _page_stem(number),
        f"{framework.title}: index of gaps",
        (("Source", framework.source),),
        (),
        tuple(sections),
        facts,
    )


def _page_stem(number: int) -> str:
    return "index" if number == 1 else f"index-{number}"


def _row(one: Summary) -> tuple[Cell | LinkTo, ...]:
    counts = dict(one.counts)
    gaps = ", ".join((*one.against, *one.missing))
    return (
        LinkTo(f"{one.identity[:20]}…", stem_of(one.identity)),
        Quoted(one.name),
        str(counts[Status.FILLED]),
        str(counts[Status.PARTLY]),
        str(counts[Status.AGAINST]),
        str(counts[Status.MISSING]),
        str(counts[Status.PERSON]),
        gaps,
        str(one.uncounted),
    )


def _summary_facts(one: Summary) -> dict[str, Any]:
    return {
        "identity": one.identity,
        "name": one.name or None,
        "report": stem_of(one.identity),
        "counts": {status.name.lower(): number for status, number in one.counts},
        "missing": list(one.missing),
        "against": list(one.against),
        "uncounted": one.uncounted,
    }


def _counted(filled: Sequence[Filled]) -> str:
    told = status_counts(tuple(filled))
    return ", ".join(f"{number} {status.value}" for status, number in told.items() if number)


def _notices(dossier: Dossier) -> Iterator[Cell]:
    for _, line in dossier.revocations:
        yield ("Revoked:", Quoted(line.text))
    measured = dossier.measured
    for problem in measured.problems if measured else ():
        yield ("Verification:", Quoted(bounded(problem)))
    for problem in measured.unchecked if measured else ():
        yield ("Could not be checked:", Quoted(bounded(problem)))
    if not dossier.of("release") and not (measured and measured.compared_with):
        yield "Nobody whose word counts signed its files: whatever is measured here, nobody vouches for."
    if dossier.unfollowed:
        what = counted(dossier.unfollowed, "thing")
        yield f"{what} that went in could not be followed: no claim names it by SHA-256."
    yield from (("Not looked at to the end:", Quoted(bounded(one))) for one in dossier.problems)


def _section(one: Filled) -> Section:
    item = one.item
    said: list[Cell] = [f"Source: {item.source}"]
    said += [
        (f"Missing: {missing.title}. It comes with", Quoted(missing.command))
        for missing in one.missing
    ]
    if item.person or not item.topics:
        said.append(f"{_PERSON}: {item.person}.")
    table = Table(LINE_HEADINGS, tuple(line_row(line) for line in one.lines)) if one.lines else None
    return Section(f"{item.id} {item.title}", one.status.value, tuple(said), table)


def _facts(
    framework: Framework, dossier: Dossier, filled: Sequence[Filled], at_from: str
) -> dict[str, Any]:
    measured = dossier.measured
    return {
        "format": framework.name,
        "title": framework.title,
        "source": framework.source,
        "identity": dossier.identity or None,
        "name": bounded(dossier.name) or None,
        "path": bounded(measured.path) if measured else None,
        "files": measured.files if measured else None,
        "size": measured.size if measured else None,
        "trusted": bounded(trusted_words(dossier.jury)),
        "ledger": head_facts(dossier.head),
        "at": moment(dossier.at),
        "at_from": at_from or None,
        "counts": {
            status.name.lower(): number for status, number in status_counts(tuple(filled)).items()
        },
        "items": [_item_facts(one) for one in filled],
        "revocations": [line_facts(line) for _, line in dossier.revocations],
        "uncounted": uncounted_facts(dossier.claims.uncounted),
        "problems": [
            bounded(one)
            for one in (
                *((*measured.problems, *measured.unchecked) if measured else ()),
                *dossier.problems,
            )
        ],
        "unfollowed": dossier.unfollowed,
    }


def _item_facts(one: Filled) -> dict[str, Any]:
    return {
        "id": one.item.id,
        "title": one.item.title,
        "source": one.item.source,
        "status": one.status.name.lower(),
        "evidence": [line_facts(line) for line in one.lines],
        "missing": [{"what": it.title, "command": it.command} for it in one.missing],
        "person": one.item.person or None,
    }
