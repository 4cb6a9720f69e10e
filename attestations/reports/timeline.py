"""The report `incident`: what became of an artifact, from its signature to its containment."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

from weightmark.attestations.checks import counted
from weightmark.attestations.reports.document import Report, Section, Table
from weightmark.attestations.reports.figures import Duration, Figure, duration_words
from weightmark.attestations.reports.incident import PHASES, Incident, Moment, Running
from weightmark.attestations.reports.shown import (
    LINE_HEADINGS,
    figure_facts,
    figure_section,
    head_facts,
    lead_of,
    line_facts,
    line_row,
    moment,
    stem_of,
    trusted_words,
    uncounted_facts,
    uncounted_section,
    when,
)
from weightmark.attestations.reports.words import Cell, Quoted, bounded
from weightmark.provenance.ledger.event import format_time

__all__ = ["figures_of", "incident_report"]

_SHOWN = 200


def incident_report(incident: Incident, *, at_from: str) -> Report:
    """Show the phases, everything that happened in the order of entries, and what may run still."""
    dossier = incident.dossier
    lead: list[tuple[str, Cell]] = [("Artifact", Quoted(dossier.identity))]
    if dossier.name:
        lead.append(("Called, by its signer", Quoted(bounded(dossier.name))))
    lead += lead_of(dossier.jury, dossier.head, at_from)
    lead.append(("State", _state(incident)))
    phases = tuple(_phase(phase, incident) for phase in PHASES)
    sections = (
        Section(
            "Phases",
            paragraphs=("The first of each that counts, of the artifact itself; times by different clocks are not compared.",),
            table=Table(("phase", "when", "entry", "since the phase before"), _with_intervals(phases)),
        ),
        *(figure_section(one) for one in figures_of(incident)),
        Section(
            "Where it may run still",
            str(len(incident.open)),
            table=Table(
                ("artifact", "target", "since", "deployed by"),
                tuple(_open(one) for one in incident.open[:_SHOWN]),
            ),
        ),
        _descendants(incident),
        Section(
            "Timeline",
            paragraphs=("In the order of entries, which nobody can change later; each time is by the clock beside it.",
                *_more(len(incident.moments)),),
            table=Table(("phase", "artifact", *LINE_HEADINGS), tuple(_happened(one) for one in incident.moments[:_SHOWN])),
        ),
        *uncounted_section(dossier.claims.uncounted),
    )  # fmt: skip
    notices: list[Cell] = [
        ("Not certain:", Quoted(bounded(one))) for one in incident.problems[:_SHOWN]
    ]
    return Report(
        f"incident-{stem_of(dossier.identity)}",
        "Incident: from signature to containment",
        tuple(lead),
        tuple(notices),
        sections,
        _facts(incident, phases, at_from),
    )


def figures_of(incident: Incident) -> tuple[Figure | Duration, ...]:
    """Return how much was contained, and how long that took."""
    took = {one.deployment.entry: one.took for one in incident.contained if one.took is not None}
    ended = tuple(sorted(one.deployment.entry for one in incident.contained))
    return (
        Figure(
            "contained",
            "places contained",
            "deployments of it or of what descends from it that ended after the revocation / those in use when it was revoked, or later",
            len(ended),
            len(incident.affected),
            ended,
        ),
        Duration(
            "time-to-containment",
            "mean time from revocation to containment",
            "sum of the times from the revocation (or a later deployment) to the end, by the log's own clock / deployments that ended and whose time is known",
            sum(took.values(), timedelta()),
            len(took),
            tuple(sorted(took)),
        ),
    )


_Phase = tuple[str, datetime | None, str, int | None]
"""phase, when, whose clock, which entry"""


def _phase(phase: str, incident: Incident) -> _Phase:
    """Return the first that counts of the artifact itself; contained is the last end, once nothing runs."""
    if phase == "contained":
        at = incident.contained_at
        last = max((one.ending.entry for one in incident.contained if one.ending), default=None)
        return (phase, at, "the log's own clock" if at else "", last if at else None)
    own = (one for one in incident.moments if one.identity == incident.dossier.identity)
    found = next((one.line for one in own if one.phase == phase and _is_good(one)), None)
    if found is None:
        return (phase, None, "", None)
    return (phase, found.at, found.clock, found.entry)


def _is_good(one: Moment) -> bool:
    return one.phase in ("revoked", "deployed") or not one.line.bad


def _with_intervals(phases: tuple[_Phase, ...]) -> tuple[tuple[Cell, ...], ...]:
    rows: list[tuple[Cell, ...]] = []
    before: _Phase | None = None
    for one in phases:
        phase, at, clock, entry = one
        took = _interval(before, one)
        happened = at is not None or entry is not None
        rows.append(
            (
                phase,
                when(at, clock) if happened else "no entry says so",
                "" if entry is None else f"#{entry}",
                took,
            )
        )
        before = one if at else before
    return tuple(rows)


def _interval(before: _Phase | None, after: _Phase) -> str:
    """Return how long it took between two phases by one clock."""
    if before is None or before[1] is None or after[1] is None:
        return ""
    if before[2] != after[2]:
        return "by another clock"
    return f"{duration_words(after[1] - before[1])} after {before[0]}"


def _state(incident: Incident) -> str:
    if not incident.dossier.revocations:
        return "not revoked"
    if incident.open:
        return f"revoked, and may run still in {counted(len(incident.open), 'place')}"
    if not incident.affected:
        return "revoked; no deployment of it was in use"
    return "revoked and contained"


def _open(one: Running) -> tuple[Cell, ...]:
    made = one.deployment
    return (
        Quoted(made.identity),
        Quoted(bounded(made.target)),
        f"#{made.entry}, {format_time(made.at)} by the log's own clock",
        Quoted(bounded(made.signer)),
    )


def _descendants(incident: Incident) -> Section:
    found = incident.impact.descendants
    rows = tuple(
        (Quoted(one.identity), ", ".join(f"#{entry}" for entry in one.entries[:20]))
        for one in found[:_SHOWN]
    )
    return Section(
        "What descends from it",
        str(len(found)),
        _more(len(found)),
        Table(("artifact", "by entries"), rows),
    )


def _more(count: int) -> tuple[str, ...]:
    return (f"{count - _SHOWN} more are not shown; JSON has all.",) if count > _SHOWN else ()


def _happened(one: Moment) -> tuple[Cell, ...]:
    return (one.phase, Quoted(one.identity), *line_row(one.line))


def _facts(incident: Incident, phases: tuple[_Phase, ...], at_from: str) -> dict[str, Any]:
    dossier = incident.dossier
    return {
        "format": "incident",
        "identity": dossier.identity,
        "name": bounded(dossier.name) or None,
        "trusted": bounded(trusted_words(dossier.jury)),
        "ledger": head_facts(dossier.head),
        "at": moment(dossier.at),
        "at_from": at_from,
        "state": _state(incident),
        "phases": [
            {"phase": phase, "time": moment(at), "clock": clock or None, "entry": entry}
            for phase, at, clock, entry in phases
        ],
        "figures": [figure_facts(one) for one in figures_of(incident)],
        "timeline": [
            {"phase": one.phase, "identity": one.identity, **line_facts(one.line)}
            for one in incident.moments
        ],
        "running": list(_running_facts(incident)),
        "descendants": [
            {"identity": one.identity, "entries": list(one.entries)}
            for one in incident.impact.descendants
        ],
        "uncounted": uncounted_facts(dossier.claims.uncounted),
        "problems": [bounded(one) for one in incident.problems],
    }


def _running_facts(incident: Incident) -> Iterator[dict[str, Any]]:
    for one in incident.running:
        ending = one.ending
        yield {
            "identity": one.deployment.identity,
            "target": bounded(one.deployment.target),
            "entry": one.deployment.entry,
            "since": moment(one.deployment.at),
            "after_revocation": one.after,
            "ended_by": ending.entry if ending else None,
            "ended": moment(ending.at) if ending else None,
            "how": ending.how if ending else None,
            "seconds": int(one.took.total_seconds()) if one.took is not None else None,
        }
