"""Reports on artifacts, on one incident, and on a whole ledger."""

from typing import TYPE_CHECKING, NoReturn

from weightmark.cli.console import Console
from weightmark.cli.report.calls import DIGEST, Call
from weightmark.cli.report.writing import put, require_new, write_index, write_one
from weightmark.errors import CallError, Exit

if TYPE_CHECKING:
    from weightmark.attestations.reports.artifact import Summary
    from weightmark.attestations.reports.document import Report
    from weightmark.attestations.reports.jury import Jury
    from weightmark.attestations.reports.making import Gathered
    from weightmark.attestations.reports.register import Register

__all__ = ["artifacts", "incident", "zero_trust"]


def zero_trust(console: Console, call: Call, jury: "Jury", register: "Register | None") -> NoReturn:
    """Report on a whole ledger, and end."""
    from weightmark.attestations.reports.estate import estate_report
    from weightmark.attestations.reports.making import at_words
    from weightmark.attestations.reports.zero_trust import survey

    if register is None:
        raise CallError("no ledger was named", fix="name it with `--ledger PLACE`")
    estate = survey(register, jury)
    code = Exit.UNCHECKED if estate.unread or estate.problems else Exit.GOOD
    if not any(one.denominator for one in estate.figures):
        code = Exit.worst([code, Exit.NOTHING])
    made = estate_report(estate, at_from=at_words(call.at, jury, register))
    write_one(console, call, made, code)


def incident(
    console: Console, call: Call, subject: str, jury: "Jury", register: "Register | None"
) -> NoReturn:
    """Report on what happened to one artifact, and end."""
    from weightmark.attestations.reports.incident import investigate
    from weightmark.attestations.reports.making import at_words
    from weightmark.attestations.reports.timeline import incident_report
    from weightmark.cli.ledger.parties import identified

    if register is None:
        raise CallError("no ledger was named", fix="name it with `--ledger PLACE`")
    identity = subject if DIGEST.fullmatch(subject) else identified(console, subject)
    incident = investigate(register, jury, identity)
    unread = incident.problems or any(one.unread for one in incident.dossier.claims.uncounted)
    code = Exit.UNCHECKED if unread else Exit.GOOD
    if not incident.moments and not register.count_about(identity):
        code = Exit.worst([code, Exit.NOTHING])
    made = incident_report(incident, at_from=at_words(call.at, jury, register))
    write_one(console, call, made, code)


def artifacts(
    console: Console,
    call: Call,
    subjects: tuple[str, ...],
    jury: "Jury",
    register: "Register | None",
) -> NoReturn:
    """Report on each artifact: one to stdout or `-o`, several as files of a folder; and end."""
    from weightmark.attestations.reports.artifact import summary_of
    from weightmark.attestations.reports.frameworks import FRAMEWORKS

    framework = FRAMEWORKS[call.framework]
    if call.out is None:
        gathered = _gather(console, call, subjects[0], jury, register)
        write_one(console, call, _made(call, gathered, register), gathered.exit)
    require_new(call.out)
    listed: list[Summary] = []
    codes = []
    for subject in subjects or (register.artifacts() if register else ()):
        gathered = _gather(console, call, subject, jury, register)
        put(call, _made(call, gathered, register), gathered.exit)
        listed.append(summary_of(framework, gathered.dossier))
        codes.append(gathered.exit)
    write_index(console, call, listed, codes)


def _made(call: Call, gathered: "Gathered", register: "Register | None") -> "Report":
    from weightmark.attestations.reports.artifact import artifact_report
    from weightmark.attestations.reports.frameworks import FRAMEWORKS
    from weightmark.attestations.reports.making import at_words

    dossier = gathered.dossier
    words = at_words(call.at, dossier.jury, register)
    return artifact_report(FRAMEWORKS[call.framework], dossier, at_from=words)


def _gather(
    console: Console, call: Call, subject: str, jury: "Jury", register: "Register | None"
) -> "Gathered":
    from weightmark.attestations.reports.making import AtHand, gather_path, gather_subject

    if register is not None and DIGEST.fullmatch(subject):
        return gather_subject(subject, jury, register)
    with console.progress(None) as progress:
        at_hand = AtHand(subject, call.claims, call.signature, progress, console.jobs)
        return gather_path(at_hand, jury, register)
