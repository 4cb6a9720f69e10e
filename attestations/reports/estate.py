"""The report `zero-trust`: figures of a whole ledger, each with its formula."""

from datetime import datetime
from typing import Any

from weightmark.attestations.reports.document import Report, Section, Table
from weightmark.attestations.reports.shown import (
    figure_facts,
    figure_section,
    head_facts,
    lead_of,
    moment,
    trusted_words,
)
from weightmark.attestations.reports.words import Cell, Quoted, bounded
from weightmark.attestations.reports.zero_trust import Estate, Exemption, Open
from weightmark.provenance.ledger.event import format_time

__all__ = ["estate_report"]

_SHOWN = 50


def estate_report(estate: Estate, *, at_from: str) -> Report:
    """Show figures, what runs although it was revoked, and what is let through for a time."""
    notices: list[Cell] = [
        ("Not looked at to the end:", Quoted(bounded(one))) for one in estate.problems[:_SHOWN]
    ]
    if estate.unread:
        notices.insert(0, f"{estate.unread} claims could not be checked: the shares may be higher.")
    sections = (
        *(figure_section(one) for one in estate.figures),
        Section(
            "What may run although it was revoked, or descends from something revoked",
            str(len(estate.open)),
            table=Table(
                ("artifact", "target", "deployed by", "revoked by"),
                tuple(_open(one) for one in estate.open[:_SHOWN]),
            ),
        ),
        Section(
            "Exceptions and approvals, and when they end",
            f"{sum(one.open for one in estate.exemptions)} open",
            table=Table(
                ("state", "what", "artifact", "until", "who", "reason", "entry"),
                tuple(_exemption(one, estate.jury.at) for one in estate.exemptions[:_SHOWN]),
            ),
        ),
    )
    lead = lead_of(estate.jury, estate.head, at_from)
    lead.append(("Claims that fill nothing", str(estate.uncounted)))
    return Report(
        "zero-trust",
        "Zero trust: what is proven of every artifact",
        tuple(lead),
        tuple(notices),
        sections,
        _facts(estate, at_from),
    )


def _open(one: Open) -> tuple[Cell, ...]:
    made = one.deployment
    return (
        Quoted(made.identity),
        Quoted(bounded(made.target)),
        (f"#{made.entry}", Quoted(bounded(made.signer))),
        f"#{one.revocation}",
    )


def _exemption(one: Exemption, at: datetime | None) -> tuple[Cell, ...]:
    state = "open" if one.open else "ended" if at else "not known: no clock"
    return (
        state,
        Quoted(bounded(one.what)),
        Quoted(one.artifact),
        format_time(one.expires) if one.expires else "without an end",
        Quoted(bounded(one.who)),
        Quoted(bounded(one.reason)),
        "policy" if one.entry is None else f"#{one.entry}",
    )


def _facts(estate: Estate, at_from: str) -> dict[str, Any]:
    return {
        "format": "zero-trust",
        "trusted": bounded(trusted_words(estate.jury)),
        "ledger": head_facts(estate.head),
        "at": moment(estate.jury.at),
        "at_from": at_from,
        "figures": [figure_facts(one) for one in estate.figures],
        "open": [
            {
                "identity": one.deployment.identity,
                "target": bounded(one.deployment.target),
                "entry": one.deployment.entry,
                "signer": bounded(one.deployment.signer),
                "revocation": one.revocation,
            }
            for one in estate.open
        ],
        "exemptions": [
            {
                "what": bounded(one.what),
                "artifact": one.artifact,
                "who": bounded(one.who),
                "reason": bounded(one.reason),
                "expires": moment(one.expires),
                "entry": one.entry,
                "open": one.open,
            }
            for one in estate.exemptions
        ],
        "uncounted": estate.uncounted,
        "unread": estate.unread,
        "problems": [bounded(one) for one in estate.problems],
    }
