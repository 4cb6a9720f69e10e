"""What a dataset says of itself, as checks: a wrong digest refuses, what only informs is told."""

from collections.abc import Iterable, Iterator, Sequence

from weightmark.attestations.checks import Check, Outcome, counted
from weightmark.errors import ArtifactRefusedError, RefusedError, UncheckedError
from weightmark.provenance.artifact import Artifact
from weightmark.provenance.datasets.candidates import candidates
from weightmark.provenance.datasets.croissant import Statement, Verdict
from weightmark.provenance.datasets.description import (
    DescribedFiles,
    Description,
    KnownDigests,
    describe,
)
from weightmark.provenance.names import escape_path
from weightmark.provenance.reading.engine import FileDigests, ProgressSink

__all__ = ["DESCRIPTION", "check_description", "description_checks", "refuse_misdescribed"]

DESCRIPTION = "description"
"""name of these checks"""
_SHOWN = 20
_REASONS = 3
_LONGEST = 200


def check_description(
    artifact: Artifact,
    files: Iterable[FileDigests] = (),
    *,
    progress: ProgressSink | None = None,
    jobs: int | None = None,
) -> tuple[Check, ...]:
    """Hold what an artifact says of itself against its `files` as they were read, or else read them.

    What can't be read is a check, too; most artifacts say nothing.
    """
    if next(iter(candidates(artifact)), None) is None:
        return ()
    try:
        known = KnownDigests.of_files(files)
        found = describe(artifact, known, progress=progress, jobs=jobs)
    except (RefusedError, UncheckedError) as error:
        return (Check.from_error(DESCRIPTION, error),)
    return tuple(description_checks(found))


def refuse_misdescribed(artifact: Artifact, files: Iterable[FileDigests]) -> None:
    """Refuse to vouch for an artifact that states other digests than its files have.

    Raises `ArtifactRefusedError`, and `UncheckedError` for a description that can't be read.
    """
    for check in check_description(artifact, files):
        if check.outcome is Outcome.FAIL:
            raise ArtifactRefusedError(
                f"not signed: {check.summary}",
                why="; ".join(check.details[:_REASONS]) or check.why,
                fix="correct the SHA-256 in the description, or get the files that it is about: "
                "whoever verifies is refused, too",
            )
        if check.outcome is Outcome.UNCHECKED:
            raise UncheckedError(f"not signed: {check.summary}", why=check.why, fix=check.fix)


def description_checks(description: Description) -> Iterator[Check]:
    """Yield a check for each Croissant document, and what the card says; nothing for neither."""
    for document in description.documents:
        yield _unread(document) if document.croissant is None else _compared(document)
    for card in description.cards:
        said = _origin(card.licenses, card.sources)
        if said:
            summary = f"`{card.path}`: the publisher says {'; '.join(said)}"
            yield Check(DESCRIPTION, Outcome.INFO, summary)


def _unread(document: DescribedFiles) -> Check:
    error = document.error
    if error is None:
        return Check(DESCRIPTION, Outcome.UNCHECKED, f"{_shown(document)} could not be read")
    found = Check.from_error(DESCRIPTION, error)
    return Check(
        found.name,
        found.outcome,
        f"{_shown(document)} {error.what}",
        error.why,
        error.fix,
        code=error.code,
    )


def _compared(document: DescribedFiles) -> Check:
    wrong = [one for one in document.statements if one.verdict is Verdict.DIFFERENT]
    others = [
        one for one in document.statements if one.verdict not in (Verdict.EQUAL, Verdict.DIFFERENT)
    ]
    elsewhere = sum(one.verdict is Verdict.ELSEWHERE for one in others)
    here = len(document.statements) - elsewhere
    equal = here - len(wrong) - (len(others) - elsewhere)
    away = f"; {elsewhere} elsewhere, not looked at" if elsewhere else ""
    summary = (
        f"{_shown(document)} {equal} of {counted(here, 'described file')} that "
        f"{'is' if here == 1 else 'are'} here {'has' if equal == 1 else 'have'} "
        f"the SHA-256 stated{away}"
    )
    if not here:
        summary = f"{_shown(document)} none of the files that it describes is here{away}"
    live = document.croissant is not None and document.croissant.live
    return Check(
        DESCRIPTION,
        Outcome.FAIL if wrong else Outcome.PASS if equal and not (others or live) else Outcome.INFO,
        summary + ("" if wrong else _said(document)),
        why="the description is of other bytes" if wrong else "",
        fix="get the files again from the publisher, or describe them anew" if wrong else "",
        details=_details([*wrong, *([] if wrong else others)]),
        code="described-otherwise" if wrong else "",
    )


def _said(document: DescribedFiles) -> str:
    """Return what else a Croissant document says, for a person."""
    croissant = document.croissant
    if croissant is None:
        return ""
    said = _origin(croissant.licenses, croissant.sources)
    if croissant.live:
        said.append("the dataset is live, so its digests say what it was")
    return "".join(f"; {one}" for one in said)


def _origin(licenses: Sequence[str], sources: Sequence[str]) -> list[str]:
    """Return licence and sources in words, a few of them: whoever publishes may name any number."""
    said = [f"licence {_few(licenses)}"] if licenses else []
    return said + ([f"made from {_few(sources)}"] if sources else [])


def _few(words: Sequence[str]) -> str:
    more = f" and {len(words) - _SHOWN} more" if len(words) > _SHOWN else ""
    return ", ".join(word[:_LONGEST] for word in words[:_SHOWN]) + more


def _shown(document: DescribedFiles) -> str:
    return f"`{escape_path(document.path)}`:"


def _details(statements: Sequence[Statement]) -> tuple[str, ...]:
    more = ("…",) if len(statements) > _SHOWN else ()
    return (*(str(one) for one in statements[:_SHOWN]), *more)
