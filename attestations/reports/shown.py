"""How values of reports are shown and told to machines; shared by every report."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from weightmark.attestations.checks import counted
from weightmark.attestations.reports.claims import UncountedClaim
from weightmark.attestations.reports.document import Section, Table
from weightmark.attestations.reports.figures import Duration, Figure
from weightmark.attestations.reports.interface import LOG_CLOCK, Line
from weightmark.attestations.reports.jury import Jury
from weightmark.attestations.reports.register import Head
from weightmark.attestations.reports.words import Cell, Quoted, bounded
from weightmark.provenance.ledger.event import format_time

__all__ = [
    "LINE_HEADINGS",
    "figure_facts",
    "figure_section",
    "head_facts",
    "lead_of",
    "line_facts",
    "line_row",
    "moment",
    "stem_of",
    "trusted_words",
    "uncounted_facts",
    "uncounted_section",
    "when",
]

LINE_HEADINGS = ("evidence", "entry", "claim", "signer", "counts as", "time")
"""of a table of lines"""
_SHOWN = 200
_ENTRIES = 50
_HEX = 64


def line_row(line: Line) -> tuple[Cell, ...]:
    """Show a line of evidence under `LINE_HEADINGS`."""
    return (
        Quoted(line.text),
        "" if line.entry is None else f"#{line.entry}",
        Quoted(line.claim),
        Quoted(bounded(line.signer)),
        Quoted(line.right),
        when(line.at, line.clock) if line.claim or line.at else "",
    )


def when(at: datetime | None, clock: str) -> Cell:
    """Show a time with its clock."""
    if at is None:
        return "no clock says when"
    return (
        (format_time(at), "by", Quoted(clock))
        if clock != LOG_CLOCK
        else f"{format_time(at)} by {clock}"
    )


def line_facts(line: Line) -> dict[str, Any]:
    """Tell a line to machines."""
    return {
        "text": line.text,
        "entry": line.entry,
        "claim": line.claim or None,
        "signer": line.signer or None,
        "right": line.right or None,
        "time": moment(line.at),
        "clock": line.clock or None,
        "bad": line.bad,
    }


def moment(at: datetime | None) -> str | None:
    """Return a time as RFC 3339 UTC."""
    return format_time(at) if at else None


def head_facts(head: Head | None) -> dict[str, Any] | None:
    """Tell the state of a ledger."""
    if head is None:
        return None
    return {
        "origin": head.origin,
        "size": head.size,
        "root": f"sha256:{head.root}",
        "seen": head.seen,
    }


def trusted_words(jury: Jury) -> str:
    """Say by whose word claims count."""
    if jury.policy is not None:
        silent = "; where it names no role, whom the ledger admits" if jury.history else ""
        return f"the roles of the policy {jury.policy.name}, sha256:{jury.policy.sha256}{silent}"
    if jury.trust is not None:
        names = jury.trust.names
        more = f" and {len(names) - 3} more" if len(names) > 3 else ""  # noqa: PLR2004 - as many as are named
        return f"whom the caller names: {', '.join(names[:3])}{more}"
    if jury.history is not None:
        return "whom the ledger admitted for each kind of entry"
    return "nobody: nothing that is claimed counts"


def lead_of(jury: Jury, head: Head | None, at_from: str) -> list[tuple[str, Cell]]:
    """Say what every report begins with: by whose word, by which ledger, for which moment."""
    lead: list[tuple[str, Cell]] = [("Counts", Quoted(bounded(trusted_words(jury))))]
    if head:
        root = f"sha256:{head.root}"
        lead.append(
            (
                "Ledger",
                (Quoted(head.origin), f"size {head.size}, root", Quoted(root), Quoted(head.seen)),
            )
        )
    at = f"{format_time(jury.at)}, {at_from}" if jury.at else at_from
    lead.append(("Moment", at or "no clock says one"))
    return lead


def uncounted_section(claims: Sequence[UncountedClaim]) -> list[Section]:
    """List claims that fill nothing."""
    if not claims:
        return []
    rows: list[tuple[Cell, ...]] = [
        (
            Quoted(bounded(one.kind)),
            "" if one.entry is None else f"#{one.entry}",
            Quoted(one.claim),
            Quoted(bounded(one.why)),
        )
        for one in claims[:_SHOWN]
    ]
    said = "They are listed so that nobody misses them; they are no evidence."
    more = (
        [f"{len(claims) - _SHOWN} more are not shown; JSON has all."]
        if len(claims) > _SHOWN
        else []
    )
    table = Table(("kind", "entry", "claim", "why it does not count"), tuple(rows))
    count = counted(len(claims), "claim")
    verb = "fills" if len(claims) == 1 else "fill"
    return [Section(f"{count} that {verb} nothing", paragraphs=(said, *more), table=table)]


def uncounted_facts(claims: Iterable[UncountedClaim]) -> list[dict[str, Any]]:
    """Tell claims that fill nothing."""
    return [
        {
            "kind": one.kind,
            "entry": one.entry,
            "claim": one.claim or None,
            "why": bounded(one.why),
            "unread": one.unread,
        }
        for one in claims
    ]


def stem_of(identity: str) -> str:
    """Return the name of the file about an artifact, without suffix; raises `ValueError` for no digest."""
    kind, _, digest = identity.partition(":")
    if kind not in ("wm1", "sha256") or len(digest) != _HEX or not digest.isalnum():
        raise ValueError("a report is named by a digest")
    return f"{kind}-{digest}"


def figure_section(one: Figure | Duration) -> Section:
    """Show a figure with formula, numerator, denominator and the entries of the numerator."""
    unit = " s" if one.unit == "seconds" else ""
    said: list[Cell] = [
        f"Formula: {one.formula}.",
        f"Numerator {one.numerator}{unit}, denominator {one.denominator}.",
    ]
    if one.entries:
        shown = ", ".join(f"#{entry}" for entry in one.entries[:_ENTRIES])
        more = f" and {len(one.entries) - _ENTRIES} more" if len(one.entries) > _ENTRIES else ""
        said.append(f"Entries of the numerator: {shown}{more}.")
    return Section(f"{one.title[:1].upper()}{one.title[1:]}", one.value, tuple(said))


def figure_facts(one: Figure | Duration) -> dict[str, Any]:
    """Tell a figure, with every entry of its numerator."""
    return {
        "id": one.id,
        "title": one.title,
        "formula": one.formula,
        "unit": one.unit,
        "numerator": one.numerator,
        "denominator": one.denominator,
        "value": one.value,
        "entries": list(one.entries),
    }
